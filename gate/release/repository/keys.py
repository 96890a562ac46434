"""Key files: ed25519, encrypted, one a file, readable by their owner only.

The format is PKCS#8 in PEM (RFC 5958, RFC 7468), which `openssl pkey` and other tools read as well. A key's name is its role and the first
digits of its key ID: nobody has to be asked for a passphrase to find out which key it is.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from gate.release import files
from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Protocol

    class Passphrases(Protocol):
        """Where passphrases come from: the ones that are known, and the one to ask for."""

        def known(self) -> Iterator[bytes]:
            """Those that were given or have opened a key before."""

        def ask(self, file: str) -> bytes | None:
            """The one for `file`, from the person; None where there is nobody to ask, or who has nothing more to say."""


MAX_KEY = 16 << 10
SHOWN = 8
"""Digits of a key ID in a file's name, and for people."""

MAX_FILES = 1000
_NAME = re.compile(r"(?P<role>[a-z]+)-(?P<id>[0-9a-f]{8})\.pem")


def create(folder: Path, role: str, passphrase: bytes) -> CryptoSigner:
    """A new key for `role`, in a file of its own in `folder`.

    Raises:
        ReleaseError: no passphrase, or the file cannot be written.
    """
    if not passphrase:
        raise ReleaseError("keys", "an empty passphrase protects nothing", hint="give the keys a passphrase")
    private = Ed25519PrivateKey.generate()
    signer = CryptoSigner(private)
    path = folder / f"{role}-{signer.public_key.keyid[:SHOWN]}.pem"
    text = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(path, text, mode=0o600)
    except OSError as exc:
        raise ReleaseError("keys", f"the key cannot be written ({exc.strerror})", subject=str(path)) from exc
    return signer


class KeyRing:
    """The keys in some folders. Key files are opened when a key is needed, and no sooner."""

    def __init__(self, folders: Sequence[Path], passphrases: Passphrases) -> None:
        self._passphrases = passphrases
        self.folders = tuple(folders)
        self._opened: dict[Path, CryptoSigner] = {}
        self._files: dict[tuple[str, str], Path] = {}
        for folder in folders:
            for path in _listed(folder):
                found = _NAME.fullmatch(path.name)
                if found is not None:
                    self._files.setdefault((found["role"], found["id"]), path)

    def signers(self, role: str, key_ids: Sequence[str]) -> list[CryptoSigner]:
        """Those of the keys `key_ids` that are here, opened.

        Raises:
            ReleaseError: a key's file is not what its name says, is readable by others, or stays closed.
        """
        found = []
        for key_id in key_ids:
            path = self._files.get((role, key_id[:SHOWN]))
            if path is None:
                continue
            signer = self._opened.get(path) or self._open(path)
            if signer.public_key.keyid != key_id:
                raise ReleaseError("keys", f"the file has another key than {key_id[:SHOWN]}", subject=str(path))
            self._opened[path] = signer
            found.append(signer)
        return found

    def enough(self, role: str, key_ids: Sequence[str], threshold: int) -> list[CryptoSigner]:
        """As `signers`, and at least `threshold` of them.

        Raises:
            ReleaseError: there are fewer; the line says which keys would do.
        """
        found = self.signers(role, key_ids)
        if len(found) < threshold:
            here = ", ".join(map(str, self.folders)) or "no folder"
            ids = ", ".join(key_id[:SHOWN] for key_id in key_ids)
            what = f"{threshold} of the {role} keys ({ids}) must sign, and {len(found) or 'none'} is in {here}"
            raise ReleaseError(
                "keys", what, hint=f"pass --keys FOLDER with {role}-….pem, such as where the offline keys are mounted"
            )
        return found

    def _open(self, path: Path) -> CryptoSigner:
        data = files.read_bounded(path, MAX_KEY)
        if stat.S_IMODE(os.stat(path).st_mode) & 0o077:  # noqa: PTH116 - a path that is no more than that
            raise ReleaseError("keys", "others can read this key", subject=str(path), hint=f"chmod 600 {path}")
        tried = 0
        for passphrase in self._passphrases.known():
            tried += 1
            signer = _opened(data, passphrase, path)
            if signer is not None:
                return signer
        while (said := self._passphrases.ask(path.name)) is not None:
            tried += 1
            signer = _opened(data, said, path)
            if signer is not None:
                return signer
        what = "no passphrase given opens this key" if tried else "a passphrase is needed for this key"
        hint = "pass --passphrase-file FILE or --passphrase-env NAME, or run it in a terminal to be asked"
        raise ReleaseError("keys", what, subject=str(path), hint=hint)


def _opened(data: bytes, passphrase: bytes, path: Path) -> CryptoSigner | None:
    """The key in `data`; None when `passphrase` is not its own."""
    try:
        private = serialization.load_pem_private_key(data, passphrase)
    except TypeError as exc:  # a key that is not encrypted
        raise ReleaseError(
            "keys", "this key is not encrypted", subject=str(path), hint="openssl pkcs8 -topk8 -v2 aes256"
        ) from exc
    except ValueError as exc:
        if not data.lstrip().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----"):
            raise ReleaseError("keys", "not an encrypted key in PEM", subject=str(path)) from exc
        return None
    if not isinstance(private, Ed25519PrivateKey):
        raise ReleaseError("keys", "not an ed25519 key", subject=str(path))
    return CryptoSigner(private)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())[:MAX_FILES]
    except OSError as exc:
        hint = "name the folder that `hotgate release init` put the keys into"
        raise ReleaseError("keys", f"no such folder of keys ({exc.strerror})", subject=str(folder), hint=hint) from exc
