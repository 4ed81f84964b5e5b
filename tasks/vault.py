"""Secrets that we must be able to read again, encrypted with a key made of the installation's secret key."""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tasks.config import settings
from tasks.errors import ConfigurationError


def lock(text: str, purpose: str) -> str:
    """Encrypt `text`: for one purpose, and for no other. Raises ConfigurationError where there is no secret key."""
    return _fernet(purpose).encrypt(text.encode()).decode()


def unlock(kept: str, purpose: str) -> str:
    """What `lock` was given. Raises ConfigurationError where CARILLON_SECRET_KEY has changed since."""
    try:
        return _fernet(purpose).decrypt(kept.encode()).decode()
    except InvalidToken:
        raise ConfigurationError(
            f"What was encrypted for {purpose} cannot be read: CARILLON_SECRET_KEY has changed since.",
            field="CARILLON_SECRET_KEY", remedy="Restore the old secret key, or make a new secret.",
        ) from None


def _fernet(purpose: str) -> Fernet:
    secret = settings().secret()
    if not secret:
        raise ConfigurationError(
            "Secrets are kept encrypted, and there is no secret key.", field="CARILLON_SECRET_KEY",
            remedy="Set CARILLON_SECRET_KEY, or start with `carillon up`, which makes one.",
        )
    return _derived(secret, purpose)


@lru_cache(maxsize=16)  # every connection that comes has its token's secret opened
def _derived(secret: str, purpose: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"carillon {purpose}".encode()).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
