"""What `tuf` refuses, in a line that says what it means and what to do."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tuf.api import exceptions
from tuf.api.serialization import DeserializationError

from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_QUOTED = 160


@contextmanager
def said_clearly(subject: str) -> Iterator[None]:  # noqa: C901 - one branch an error
    """Turn the errors of `tuf` into ReleaseError about `subject`, the repository or a file of it."""
    try:
        yield
    except exceptions.ExpiredMetadataError as exc:
        hint = "`hotgate release renew` where it is kept; a mirror that stays behind, or is held back, looks the same"
        raise ReleaseError("expired", f"the repository's {_role(exc)} has expired", subject=subject, hint=hint) from exc
    except exceptions.BadVersionNumberError as exc:  # EqualVersionNumberError is one of them
        hint = "a mirror that stays behind, or somebody who plays back what was signed before; nothing was taken"
        raise ReleaseError(
            "rollback",
            f"the repository is older than what this host has seen ({_text(exc)})",
            subject=subject,
            hint=hint,
        ) from exc
    except exceptions.UnsignedMetadataError as exc:
        hint = "is this the root of trust of that repository? do not go on before you know who signed it"
        raise ReleaseError(
            "signature", f"not signed by enough keys that are trusted ({_text(exc)})", subject=subject, hint=hint
        ) from exc
    except exceptions.DownloadLengthMismatchError as exc:
        hint = "the file was replaced, or the answer has no end; nothing of it was kept"
        raise ReleaseError(
            "too-large", f"larger than what is signed: {_text(exc)}", subject=subject, hint=hint
        ) from exc
    except exceptions.LengthOrHashMismatchError as exc:
        hint = "the repository was changed, or its copy is not complete; nothing of it was kept"
        raise ReleaseError(
            "mismatch", f"a file is not the one that was signed ({_text(exc)})", subject=subject, hint=hint
        ) from exc
    except exceptions.SlowRetrievalError as exc:
        hint = "is the network slow, or the server stuck? the next try begins anew"
        raise ReleaseError("slow", f"too slow: {_text(exc)}", subject=subject, hint=hint) from exc
    except exceptions.DownloadHTTPError as exc:
        hint = "does the URL name the folder that holds metadata/ and targets/?"
        raise ReleaseError(
            "unreachable", f"a file is missing there ({_text(exc)})", subject=subject, hint=hint
        ) from exc
    except exceptions.DownloadError as exc:
        cause = exc.__cause__ or exc
        raise ReleaseError("unreachable", f"cannot be fetched ({_text(cause)})", subject=subject) from exc
    except (DeserializationError, json.JSONDecodeError, RecursionError) as exc:
        raise ReleaseError(
            "malformed", "not TUF metadata", subject=subject, hint="is that a repository of `hotgate release`?"
        ) from exc
    except exceptions.RepositoryError as exc:
        raise ReleaseError("mismatch", f"the metadata does not hold together ({_text(exc)})", subject=subject) from exc
    except OSError as exc:
        what = f"cannot be kept ({exc.strerror or exc})"
        raise ReleaseError(
            "space", what, subject=str(exc.filename or subject), hint="is the disk full, or read-only?"
        ) from exc
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise ReleaseError("malformed", f"not TUF metadata ({_text(exc)})", subject=subject) from exc


def _role(exc: Exception) -> str:
    text = str(exc)
    return next((role for role in ("root", "timestamp", "snapshot", "targets") if role in text), "metadata")


def _text(exc: BaseException) -> str:
    return " ".join((str(exc) or type(exc).__name__).split())[:MAX_QUOTED]
