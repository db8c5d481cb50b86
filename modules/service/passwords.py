"""Passwords as Argon2id hashes (RFC 9106), of which a stolen file gives nobody's password away."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def hash_password(password: str) -> str:
    """Return an encoded hash with its own salt and parameters; takes about 50 ms and 64 MB."""
    return _HASHER.hash(password)


def is_password(password: str, encoded: str) -> bool:
    """Whether `password` is the one that was hashed; also False for a hash that is damaged."""
    try:
        return _HASHER.verify(encoded, password)
    except (VerificationError, InvalidHashError):
        return False
