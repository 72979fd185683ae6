"""The files of deploy/ and the commands of docs/deploy.md, adapted to the test environment."""
import re
from pathlib import Path

PAGE, FILES = Path("docs/deploy.md"), Path("deploy")


def blocks(kind: str) -> list[str]:
    """The code blocks of one language, in the order of the page."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def example(name: str) -> str:
    return (FILES / name).read_text()


def block(kind: str, containing: str) -> str:
    found, = (text for text in blocks(kind) if containing in text)
    return found


def adapted(text: str, replacements: dict[str, str]) -> str:
    """The text with names and addresses replaced; each must occur in it."""
    for old, new in replacements.items():
        assert old in text, f"the example has no {old!r}"
        text = text.replace(old, new)
    return text


def unit() -> dict[str, list[str]]:
    """The settings of the systemd unit."""
    settings: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", example("chat-api.service"), re.M):
        settings.setdefault(name, []).append(value)
    return settings


def environment() -> dict[str, str]:
    """The environment that the systemd unit sets for the server."""
    return dict(value.split("=", 1) for value in unit()["Environment"])
