"""User tokens, signed as a backend signs them."""
import base64
import hashlib
import hmac
import json
import os
import time
from dataclasses import dataclass

SECRET_VARIABLE = "CHAT_JWT_SECRET"
# Seconds until `exp`. A client asks for the next token 60 s before, so a short one soon makes it ask, although the
# server still accepts it; the server ends streams of an expiring one.
LIVES = {"long": 3600.0, "short": 60.4, "expiring": 0.4}


@dataclass(frozen=True)
class Token:
    text: str
    expires: float


def sign(user: str, life: float) -> Token:
    """A token that starts now, to the microsecond: one that is signed right after a revocation is valid."""
    now = time.time()
    header = _encode({"alg": "HS256", "typ": "JWT"})
    claims = f"{header}.{_encode({'sub': user, 'iat': now, 'exp': now + life})}"
    signature = hmac.digest(os.environ[SECRET_VARIABLE].encode(), claims.encode(), hashlib.sha256)
    return Token(f"{claims}.{_base64(signature)}", now + life)


def _encode(value: dict) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
