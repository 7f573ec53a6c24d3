"""The fingerprint by which bytes are recognised everywhere: sha256 in hexadecimal."""

import hashlib


def sha256(content: bytes) -> str:
    """Return the sha256 of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
