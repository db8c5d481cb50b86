"""Getting an extension: from a folder, a zip or a Git address. Nothing of it runs on the way."""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from modules.errors import InvalidRequest, WebUIError
from modules.extension.folders import Folder, look_at
from modules.extension.manifest import NAME
from modules.settings.files import write_atomically

NOTE = ".easel-source.json"
"""Where an installed extension came from; hidden in its folder."""
MOST_FILES = 10_000
MOST_BYTES = 512 * 2**20
MOST_RATIO = 200
GIT_S = 300.0
"""Seconds that Git may take."""
ADDRESS = re.compile(r"(https?|ssh|git|file)://\S+|[\w.-]+@[\w.-]+:\S+")
COMMIT = re.compile(r"[0-9a-fA-F]{7,40}")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where an extension came from."""

    address: str = ""
    commit: str = ""
    branch: str = ""
    digest: str = ""
    """SHA-256 over its files as they were installed."""


def source_of(folder: Path) -> Source:
    """Return what was noted when `folder` was installed; nothing if it was put there by hand."""
    try:
        noted = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return Source(**{name: str(noted.get(name, "")) for name in Source.__dataclass_fields__})
    except (OSError, ValueError, AttributeError):
        return _cloned_by_hand(folder)


def _cloned_by_hand(folder: Path) -> Source:
    """What the files of a clone say; Git itself is not asked."""
    try:
        head = (folder / ".git" / "HEAD").read_text(encoding="utf-8").strip()
        config = (folder / ".git" / "config").read_text(encoding="utf-8")
    except OSError:
        return Source()
    branch = head.removeprefix("ref: refs/heads/") if head.startswith("ref:") else ""
    try:
        commit = (
            (folder / ".git" / "refs" / "heads" / branch).read_text("utf-8") if branch else head
        )
    except OSError:
        commit = ""
    address = re.search(r"url\s*=\s*(\S+)", config)
    return Source(address=address[1] if address else "", commit=commit.strip(), branch=branch)


def install(source: str, place: Path, *, commit: str = "", name: str = "") -> Folder:
    """Copy an extension to a folder of its own below `place`, and say what it is.

    `source` is a folder, a zip, or an address that Git understands; `commit` pins the last. Raises
    InvalidRequest or WebUIError; then nothing was installed.
    """
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=".incoming-") as folder:
        new = Path(folder) / (name or _name_in(source))
        noted = _bring(source, new, commit)
        return put_in_place(new, place, noted)


def install_zip(content: Path, place: Path, name: str) -> Folder:
    """Install a zip that was sent. Raises as `install` does."""
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=".incoming-") as folder:
        new = Path(folder) / _plain(name)
        unpack(content, new)
        return put_in_place(new, place, Source(address=name))


def _bring(source: str, new: Path, commit: str) -> Source:
    local = Path(source).expanduser()
    if ADDRESS.fullmatch(source):
        return clone(source, new, commit)
    if commit:
        raise InvalidRequest("A commit can only be chosen of a Git address.")
    if local.is_dir():
        shutil.copytree(local, new, symlinks=False, ignore=shutil.ignore_patterns("__pycache__"))
    elif local.is_file() and zipfile.is_zipfile(local):
        unpack(local, new)
    else:
        raise InvalidRequest(
            f"{source!r:.200} is neither a folder nor a zip nor a Git address.",
            "For example /home/me/my-extension or https://host/person/extension.git.",
        )
    return Source(address=str(local.resolve()))


def _name_in(source: str) -> str:
    return _plain(re.split(r"[/\\:]", source.rstrip("/\\"))[-1])


def _plain(name: str) -> str:
    stem = re.sub(r"\.(git|zip)$", "", name.strip(), flags=re.IGNORECASE)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip(".-")[:64]
    return plain or "extension"


def put_in_place(new: Path, place: Path, source: Source) -> Folder:
    """Give a finished folder its name below `place`. Raises InvalidRequest for no extension."""
    found = look_at(new)
    if found.problem:
        raise InvalidRequest(f"That is no extension: {found.problem}")
    name = found.name if NAME.fullmatch(found.name) else new.name.lower()
    target = place / (found.name if found.kind == "easel" else new.name)
    if any(one.name.lower() == target.name.lower() for one in place.iterdir()):
        raise InvalidRequest(
            f"There is an extension called {name} already.", "Remove it first, or update it."
        )
    noted = {**vars(source), "digest": digest_of(new)}
    write_atomically(new / NOTE, json.dumps(noted, indent=2).encode())
    new.rename(target)
    return look_at(target)


def digest_of(folder: Path) -> str:
    """SHA-256 over names and contents, without what Git and Python keep beside."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not {".git", "__pycache__"} & set(inner.parts) and path.name != NOTE:
            digest.update(inner.as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def unpack(archive: Path, new: Path) -> None:
    """Unpack a zip that nobody vouches for. Raises InvalidRequest for one that looks hostile."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [one for one in opened.infolist() if not one.is_dir()]
            _check_members(members, archive.stat().st_size)
            top = {PurePosixPath(one.filename).parts[0] for one in members}
            nested = len(top) == 1 and all(
                len(PurePosixPath(one.filename).parts) > 1 for one in members
            )
            left = MOST_BYTES
            for member in members:
                parts = PurePosixPath(member.filename).parts[1 if nested else 0 :]
                left -= _write_member(opened, member, new.joinpath(*parts), left)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InvalidRequest(f"The zip cannot be read: {error}.") from error


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    if not members:
        raise InvalidRequest("The zip is empty.")
    if len(members) > MOST_FILES:
        raise InvalidRequest(f"The zip has more than {MOST_FILES:,} files.")
    total = sum(one.file_size for one in members)
    if total > MOST_BYTES or total > MOST_RATIO * max(1, size):
        raise InvalidRequest("The zip would become far too large.")
    for one in members:
        path = PurePosixPath(one.filename)
        odd = path.is_absolute() or ".." in path.parts or "\\" in one.filename
        if odd or ":" in one.filename or stat.S_ISLNK(one.external_attr >> 16):
            raise InvalidRequest(f"The zip has a file that leads elsewhere: {one.filename!r:.100}.")


def _write_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Write one file; what it really holds counts, not what the zip says."""
    with opened.open(member) as inner:
        content = inner.read(left + 1)
    if len(content) > left:
        raise InvalidRequest("The zip would become far too large.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return len(content)


def clone(address: str, new: Path, commit: str = "") -> Source:
    """Clone with the Git of this computer; none of its hooks run. Raises WebUIError."""
    if commit and not COMMIT.fullmatch(commit):
        raise InvalidRequest(f"{commit!r:.60} is no commit.", "A commit is 7 to 40 hex digits.")
    git("clone", "--no-recurse-submodules", "--", address, str(new))
    if commit:
        git("-C", str(new), "checkout", "--detach", "--quiet", commit)
    head = git("-C", str(new), "rev-parse", "HEAD")
    branch = git("-C", str(new), "rev-parse", "--abbrev-ref", "HEAD")
    return Source(address=address, commit=head, branch="" if branch == "HEAD" else branch)


def newest_commit(folder: Path) -> str:
    """Ask an extension's address for its newest commit. Raises WebUIError."""
    source = source_of(folder)
    if not ADDRESS.fullmatch(source.address):
        raise InvalidRequest(f"{folder.name} did not come from a Git address.")
    return git("ls-remote", "--", source.address, "HEAD").partition("\t")[0]


def update(folder: Path, commit: str = "") -> Source:
    """Bring a cloned extension to `commit`, or to the newest. Raises WebUIError."""
    source = source_of(folder)
    git("-C", str(folder), "fetch", "--quiet", "origin")
    git("-C", str(folder), "checkout", "--detach", "--quiet", commit or "FETCH_HEAD")
    head = git("-C", str(folder), "rev-parse", "HEAD")
    noted = {**vars(source), "commit": head, "digest": digest_of(folder)}
    write_atomically(folder / NOTE, json.dumps(noted, indent=2).encode())
    return source_of(folder)


def changes_between(folder: Path, commit: str) -> str:
    """What an update to `commit` would change, as Git tells it in short. Raises WebUIError."""
    git("-C", str(folder), "fetch", "--quiet", "origin")
    return git("-C", str(folder), "diff", "--stat", "HEAD", commit)


def git(*words: str) -> str:
    """Run the Git of this computer; asks nobody for a password. Raises WebUIError."""
    program = shutil.which("git")
    if program is None:
        raise WebUIError("Git is not installed here.", "Install it, or install from a zip.")
    safe = ("-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never")
    environment: dict[str, Any] = {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    try:
        answer = subprocess.run(
            [program, *safe, *words],
            capture_output=True,
            text=True,
            timeout=GIT_S,
            check=False,
            env={**_plain_environment(), **environment},
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise WebUIError("Git took too long.", "Try again, or install from a zip.") from error
    if answer.returncode != 0:
        last = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WebUIError(f"Git failed: {last:.300}", "Check the address.")
    return answer.stdout.strip()


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def put_away(folder: Path, place: Path) -> Path:
    """Move an extension into the hidden `.trash` of `place`; returns where it is now."""
    trash = place / ".trash"
    target = trash / f"{folder.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    try:
        trash.mkdir(parents=True, exist_ok=True)
        number = 1
        while target.exists():
            target = target.with_name(f"{target.name}-{number}")
            number += 1
        folder.rename(target)
    except OSError as error:
        raise WebUIError(
            f"{folder.name} could not be moved: {error.strerror or error}.",
            "Check the permissions of the extensions folder.",
        ) from error
    return target
