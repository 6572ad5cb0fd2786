"""What the operating system says, in our errors."""

from __future__ import annotations

import errno
import os
from typing import Final

from learnflow_kafka.errors import StorageError

_DISK: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}
)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_disk_fault(error: BaseException) -> bool:
    """Whether the error is about our disk: full, read-only, or not ours to write."""
    return isinstance(error, OSError) and error.errno in _DISK


def is_disk_full(error: BaseException) -> bool:
    """Whether the disk, or our share of it, is full."""
    return isinstance(error, OSError) and error.errno in _FULL


def storage(error: OSError, what: str) -> StorageError:
    """The error about a file or folder, with what to do about it."""
    where = error.filename if isinstance(error.filename, str) else None
    if is_disk_full(error):
        fix = "free some space, or choose another place with --data DIR"
    else:
        fix = "make the folder writable, or choose another place with --data DIR"
    return StorageError(f"{what}: {reason(error)}", where=where, fix=fix)


def reason(error: BaseException) -> str:
    """The innermost cause in few words, without objects' addresses."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    if isinstance(inner, OSError) and inner.errno and inner.errno > 0:
        return os.strerror(inner.errno)
    text = str(inner) or type(inner).__name__
    return text.splitlines()[0].rstrip(".")
