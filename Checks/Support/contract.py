"""Replays the recorded contract of the original service, if it is next to the checkout."""
import contextlib
import http.client
import importlib.util
import io
import sys
import types
from collections.abc import Callable
from pathlib import Path

REFERENCE = Path("../shared/reference/contract.py")


def replay(connect: Callable[[], http.client.HTTPConnection]) -> None:
    """Replays it against an empty server, on connections that the caller makes: over TLS or through a proxy."""
    if not REFERENCE.exists():
        return
    specification = importlib.util.spec_from_file_location("contract", REFERENCE)
    contract = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(contract)
    client = types.SimpleNamespace(HTTPConnection=lambda *_, **__: connect())
    contract.http = types.SimpleNamespace(client=client)
    arguments, output = sys.argv, io.StringIO()
    sys.argv = ["contract.py", "check", "http://unused"]
    try:
        with contextlib.redirect_stdout(output):
            status = contract.main()
    finally:
        sys.argv = arguments
    assert status == 0, output.getvalue()
