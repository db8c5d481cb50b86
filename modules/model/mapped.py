"""Large files as memory: opening one costs nothing, and only what is used is ever read.

The mapping is private: writing to a tensor changes this process's copy of a page and never the
file. A file that is replaced under its name stays as it was for whoever has it mapped; one that is
shortened in place takes the process down with SIGBUS, which costs one attempt at one job, so
engines look at size and time of a file before each job. Needs no torch.
"""

import errno
import mmap
import os
import struct
import sys
import zipfile
from typing import BinaryIO

MAP_FROM = 64 * 2**20
"""Bytes from which a file is mapped; smaller ones are read, and are then safe from all changes."""
LOCAL_HEADER = struct.Struct("<4s22xHH")
"""A zip member's own header: signature, lengths of the name and of what follows it."""


def map_file(file: BinaryIO) -> mmap.mmap | None:
    """All of `file` as private, writable memory; None where the system refuses."""
    try:
        if sys.platform == "win32":
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        flags = mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0)
        return mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ | mmap.PROT_WRITE)
    except OSError as error:
        if error.errno in (errno.ENOMEM, errno.ENODEV, errno.EACCES, errno.EINVAL):
            return None
        raise


def forget_pages(mapping: mmap.mmap, start: int, end: int) -> None:
    """Let go of the memory behind bytes `start` to `end`, none of which was ever written to.

    Who looks there again reads the file again. Does nothing where the system knows no such thing.
    """
    if sys.platform == "win32":
        return
    first, last = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE
    if first < last:
        mapping.madvise(mmap.MADV_DONTNEED, first, last - first)


def file_size(file: BinaryIO) -> int:
    """Bytes of an open file."""
    return os.fstat(file.fileno()).st_size


def member_start(archive: zipfile.ZipFile, member: str, length: int) -> int | None:
    """Where the bytes of an uncompressed zip member begin; None if there are not `length`."""
    try:
        info = archive.getinfo(member)
        file = archive.fp
        if file is None or info.compress_type != zipfile.ZIP_STORED or info.file_size < length:
            return None
        file.seek(info.header_offset)
        signature, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    except (KeyError, OSError, struct.error, ValueError):
        return None
    return info.header_offset + LOCAL_HEADER.size + name + extra if signature == PK else None


PK = b"PK\x03\x04"
