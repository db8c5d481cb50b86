"""The report for strangers: everything useful in it, nothing private."""

import getpass
import json
import socket
from pathlib import Path

from modules.cli.main import main
from modules.service.doctor.finding import BAD, Finding
from modules.service.doctor.report import write_report

CANARIES = ("hunter2", "hf_abcdefghijklmnop", "192.168.7.13")


def test_nothing_private_is_in_the_report(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "annas-laptop")
    file = tmp_path / "report.json"
    home = Path.home() / "secret-project"
    seen = f"{home} cannot be written by {getpass.getuser()} on {socket.gethostname()}: no"
    findings = [Finding("Your files", BAD, seen, f"Ask {CANARIES[2]} with {CANARIES[1]}.")]
    options = {"samples_format": "png", "civitai_token": CANARIES[0], "api_auth": CANARIES[0]}
    write_report(file, findings, options, ["--api-auth", f"me:{CANARIES[0]}", "--port", "7861"])
    text = file.read_text()
    for canary in (*CANARIES, str(Path.home())):
        assert canary not in text
    report = json.loads(text)
    assert report["Settings"]["samples_format"] == "png"
    assert report["Commandline"] == ["--api-auth", "(hidden)", "--port", "7861"]
    assert "cannot be written by (user) on (computer)" in report["Findings"][0]["seen"]


def test_the_command_writes_one_file_and_says_how_it_went(tmp_path, capsys):
    report = tmp_path / "report.json"
    words = ["doctor", "--no-drawing", "--report", str(report), "--data-dir", str(tmp_path)]
    assert main(words) == 1  # a folder without models
    out = capsys.readouterr().out
    assert "!!  Checkpoints: none that can be used" in out
    assert json.loads(report.read_text())["Findings"]
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]
