"""Why a picture cannot be used, and what a failure means for the pictures after it."""

from __future__ import annotations

import errno
from pathlib import Path

from uniformer.files import shown

EVERYWHERE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""No room, or no permission to write."""


class PictureError(ValueError):
    """A picture that cannot be used; the message is one sentence for the user."""


def at_path(photo: Path, error: Exception) -> str:
    """Return what went wrong with a photo, which the message calls by its name, by its path."""
    return str(error).replace(photo.name, shown(photo), 1)


def reason_of(error: Exception) -> str:
    """Return what went wrong with one photo, on one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'it'} cannot be written: {error.strerror}."
    words = " ".join(str(error).split())
    return words if isinstance(error, ValueError) else f"{type(error).__name__}: {words}"


def hits_all(error: Exception) -> bool:
    """Return whether writing failed in a way that the files of other photos would meet too."""
    return isinstance(error, OSError) and error.errno in EVERYWHERE


def stopped(error: Exception) -> ValueError:
    """Return what ends a run over many photos after a failure that :func:`hits_all` of them."""
    return ValueError(
        f"{reason_of(error)} That would meet all other photos too, so the rest was not tried: put "
        "it right and run the same command again; what is done stays."
    )


def none_of(count: int, first: str) -> str:
    """Return what is said where ``count`` pictures failed, all of them; ``first`` says why one."""
    if count == 1:
        return f"The only picture could not be used: {first}"
    return f"None of the {count} pictures could be used; the first: {first}"
