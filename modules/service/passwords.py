"""Passwords as Argon2id hashes (RFC 9106), of which a stolen file gives nobody's password away."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""What OWASP advises (19 MiB, 2 passes, 1 lane): this computer has pictures to draw besides."""


def hash_password(password: str) -> str:
    """Return an encoded hash with its own salt and parameters; takes about 20 ms and 19 MB."""
    return _HASHER.hash(password)


def is_password(password: str, encoded: str) -> bool:
    """Whether `password` is the one that was hashed; also False for a hash that is damaged."""
    try:
        return _HASHER.verify(encoded, password)
    except (VerificationError, InvalidHashError):
        return False
