"""pip's complaints become advice."""

import pytest

from modules.bootstrap.packages import diagnose
from modules.bootstrap.torch_builds import build_for, choose_build

BUILD = build_for("linux", False)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "VENV_DIR"),
        ("ERROR: [Errno 13] Permission denied: '/usr/lib/x'", "folder of your own"),
        ("NewConnectionError: Temporary failure in name resolution\nNo matching", "PIP_INDEX_URL"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "PIP_CERT"),
        ("ERROR: No matching distribution found for torch==2.13.0", "3.11, 3.12 and 3.13"),
        ("ERROR: something new", "again"),
    ],
)
def test_a_failure_says_what_to_do(said, advice):
    error = diagnose([said], BUILD)
    assert advice in error.hint
    assert "failed" in error.message


def test_the_disk_advice_names_the_space_needed():
    assert "8.0 GB" in diagnose(["Errno 28"], build_for("linux", True)).hint


def test_linux_without_a_card_does_not_get_the_large_build():
    assert build_for("linux", False).index.endswith("/cpu")
    assert build_for("linux", True).index == ""


def test_windows_with_a_card_gets_the_build_that_uses_it():
    assert "/cu" in build_for("win32", True).index
    assert build_for("win32", False).index == ""


def test_an_unknown_system_takes_what_the_package_index_has():
    assert build_for("freebsd14", False).index == ""


def test_torch_index_url_wins():
    assert choose_build({"TORCH_INDEX_URL": "https://my.mirror/cpu"}).index == (
        "https://my.mirror/cpu"
    )
