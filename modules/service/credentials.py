"""Content Credentials (C2PA): a signed note in a picture file of how it came to be.

The library c2pa-python writes and reads them; people install it for themselves. Without a
certificate of their own, one is made here that nobody trusts yet: it shows that a file was not
changed since, and that two files have the same author, but not who that is.
"""

import importlib
import importlib.util
import io
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from modules.errors import WebUIError
from modules.service.provenance import VOCABULARY
from modules.settings.files import write_atomically
from modules.version import VERSION

CERTIFICATE, KEY = "certificate.pem", "key.pem"
HINT = "Install it with: pip install c2pa-python cryptography."
CALM = {
    "version": 1,
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
"""No small pictures inside, which might show what was cut off, and no network."""
START = "start"
YEARS = 10
MARKS = (b"jumd", b"c2pa")
"""Bytes that are in every file with a manifest."""


@dataclass(frozen=True)
class Manifest:
    """What a picture file's credentials say, in short."""

    by: str
    """Who signed."""
    state: str
    """"Valid", "Trusted" or "Invalid"."""
    ingredients: tuple[str, ...]
    """Titles of what it was made from."""


def is_available() -> bool:
    """Whether credentials can be written and read here."""
    return importlib.util.find_spec("c2pa") is not None


def may_have_manifest(content: bytes) -> bool:
    """Whether a file seems to carry credentials; needs no library."""
    return all(mark in content for mark in MARKS)


def read_manifest(content: bytes, media_type: str) -> Manifest | None:
    """The credentials of a picture file; None if there are none, or nothing here can read them."""
    if not (is_available() and may_have_manifest(content)):
        return None
    c2pa = _library()
    try:
        with c2pa.Reader(media_type, io.BytesIO(content), context=_context(c2pa)) as reader:
            active = reader.get_active_manifest() or {}
            state = str(reader.get_validation_state())
    except c2pa.C2paError:
        return None
    about = active.get("signature_info", {})
    by = about.get("common_name") or about.get("issuer") or ""
    ingredients = tuple(str(one.get("title", "")) for one in active.get("ingredients", ()))
    return Manifest(by=by, state=state, ingredients=ingredients)


def signed(
    content: bytes, media_type: str, source: str, folder: Path, parent: tuple[str, bytes] | None
) -> bytes:
    """A picture file with credentials that say where it comes from.

    `parent` is media type and content of a file it was made from, whose own credentials become a
    part of the new ones. `folder` holds certificate and key. Raises WebUIError.
    """
    c2pa = _library()
    certificate, key, algorithm = _identity(folder)
    actions: list[dict[str, Any]] = [
        {"action": "c2pa.created", "digitalSourceType": VOCABULARY + source}
    ]
    if parent is not None:
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [START]}}
        actions = [opened, {**actions[0], "action": "c2pa.edited"}]
    manifest = {
        "claim_generator_info": [{"name": "Easel", "version": VERSION}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    result = io.BytesIO()
    try:
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, certificate, key, None))
        with c2pa.Builder.from_json(json.dumps(manifest), context=_context(c2pa)) as builder:
            if parent is not None:
                about = {"title": START, "relationship": "parentOf", "label": START}
                kind, old = parent
                builder.add_ingredient_from_stream(json.dumps(about), kind, io.BytesIO(old))
            builder.sign(signer, media_type, io.BytesIO(content), result)
    except c2pa.C2paError as error:
        raise WebUIError(
            f"The picture could not be signed: {error}.",
            f"Check {CERTIFICATE} and {KEY} in {folder}, or share it without credentials.",
        ) from error
    return result.getvalue()


def _library() -> Any:
    try:
        return importlib.import_module("c2pa")
    except ImportError as error:
        raise WebUIError("Content Credentials need c2pa-python.", HINT) from error


def _cryptography(name: str) -> Any:
    """A module of the library cryptography. Raises ImportError."""
    return importlib.import_module(f"cryptography.{name}")


def _context(c2pa: Any) -> Any:
    return c2pa.Context.from_dict(CALM)


def _identity(folder: Path) -> tuple[bytes, bytes, str]:
    """Certificates and key in PEM, made if there are none, and the algorithm. Raises WebUIError."""
    certificate, key = folder / CERTIFICATE, folder / KEY
    try:
        if not (certificate.is_file() and key.is_file()):
            _make_identity(certificate, key)
        secret = key.read_bytes()
        return certificate.read_bytes(), secret, _algorithm(secret)
    except ImportError as error:
        raise WebUIError("Signing needs the library cryptography.", HINT) from error
    except (OSError, ValueError, TypeError) as error:
        raise WebUIError(f"The key in {key} cannot be used: {error}.", "Put another there.") from (
            error
        )


def _algorithm(key: bytes) -> str:
    """C2PA's name of how a key signs. Raises ValueError."""
    keys = "hazmat.primitives.asymmetric"
    found = _cryptography("hazmat.primitives.serialization").load_pem_private_key(key, None)
    if isinstance(found, _cryptography(f"{keys}.ec").EllipticCurvePrivateKey):
        return {256: "es256", 384: "es384", 521: "es512"}[found.key_size]
    if isinstance(found, _cryptography(f"{keys}.ed25519").Ed25519PrivateKey):
        return "ed25519"
    if isinstance(found, _cryptography(f"{keys}.rsa").RSAPrivateKey):
        return "ps256"
    raise ValueError("its kind is not known")


def _make_identity(certificate: Path, key: Path) -> None:
    """Write a key and its certificate, which a second one signs, as C2PA demands; its key is lost.

    Raises OSError.
    """
    ec = _cryptography("hazmat.primitives.asymmetric.ec")
    forms = _cryptography("hazmat.primitives.serialization")
    above, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = (
        _certificate("Easel local signer", own, "Easel local root", above),
        _certificate("Easel local root", above, "Easel local root", above),
    )
    key.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(
        key, own.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    )
    os.chmod(key, 0o600)
    write_atomically(certificate, b"".join(one.public_bytes(forms.Encoding.PEM) for one in chain))


def _certificate(subject: str, key: Any, issuer: str, signing: Any) -> Any:
    """A certificate in the profile of C2PA's specification: the root's, or a signer's."""
    x509, oid = _cryptography("x509"), _cryptography("x509.oid")

    def name(common: str) -> Any:
        parts = {oid.NameOID.ORGANIZATION_NAME: "Easel", oid.NameOID.COMMON_NAME: common}
        return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts.items()])

    root, now = subject == issuer, datetime.now(UTC)
    usages = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage = x509.KeyUsage(
        digital_signature=not root,
        key_cert_sign=root,
        crl_sign=root,
        encipher_only=False,
        decipher_only=False,
        **dict.fromkeys(usages, False),
    )
    own, above = key.public_key(), signing.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(own)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=root, path_length=0 if root else None), True)
        .add_extension(usage, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), False)
    )
    if not root:
        mail = x509.ExtendedKeyUsage([oid.ExtendedKeyUsageOID.EMAIL_PROTECTION])
        made = made.add_extension(mail, True)
    return made.sign(signing, _cryptography("hazmat.primitives.hashes").SHA256())
