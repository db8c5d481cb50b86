"""One file for a bug report, without what is nobody's business."""

import getpass
import json
import os
import re
import socket
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from modules.service.doctor.finding import Finding
from modules.service.sysinfo import ENVIRONMENT, shown
from modules.settings.files import write_atomically
from modules.version import VERSION

SHORTEST_NAME = 3
"""Letters of a name that is taken out wherever it stands; shorter ones are parts of other words."""
ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")
LONG_SECRET = re.compile(r"\b(?:hf_|sk-|ghp_|Bearer\s+)[A-Za-z0-9._-]{8,}")


def write_report(
    file: Path, findings: Sequence[Finding], options: dict[str, Any], command: Sequence[str]
) -> None:
    """Write everything the doctor saw as JSON, redacted. Raises OSError."""
    report = {
        "Version": VERSION,
        "When": datetime.now().astimezone().isoformat(timespec="seconds"),
        "Commandline": shown(list(command)),
        "Environment": {
            name: " ".join(shown(os.environ[name].split()))
            for name in ENVIRONMENT
            if name in os.environ
        },
        "Settings": {key: kept(key, value) for key, value in options.items()},
        "Findings": [vars(finding) for finding in findings],
    }
    text = json.dumps(report, indent=2, default=str, ensure_ascii=False)
    write_atomically(file, redacted(text).encode())


def kept(key: str, value: Any) -> Any:
    """Return a setting's value, or a mark where it may hold a password or a key."""
    secret = any(word in key.lower() for word in ("password", "token", "secret", "auth", "_key"))
    return "(hidden)" if secret and value else value


def redacted(text: str) -> str:
    """Take out this person's name, home folder, computer's name, addresses and access keys."""
    home = str(Path.home())
    if len(home) > 1:
        text = text.replace(json.dumps(home)[1:-1], "~").replace(home, "~")
    text = LONG_SECRET.sub("(hidden)", text)
    text = ADDRESS.sub(lambda found: found[0] if found[0].startswith("127.") else "(address)", text)
    for name, mark in ((user_name(), "(user)"), (socket.gethostname(), "(computer)")):
        if len(name) >= SHORTEST_NAME:
            text = re.sub(rf"\b{re.escape(name)}\b", mark, text)
    return text


def user_name() -> str:
    """Return who is logged in at this computer, "" if the system does not say."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
