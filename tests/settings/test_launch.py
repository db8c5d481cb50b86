"""Flags of the command line."""

import logging
from pathlib import Path

import pytest

from modules.errors import InvalidRequest
from modules.paths import ROOT
from modules.settings.launch import FlagParser, Launch, add_flags, from_args


def launch(line=""):
    parser = FlagParser(prog="webui.py")
    add_flags(parser)
    return from_args(parser.parse_args(line.split()))


def test_without_flags_everything_is_as_usual():
    assert launch() == Launch()
    assert launch().host == "127.0.0.1"
    assert launch().port is None
    assert launch().paths().data == ROOT
    assert launch().settings_file() == ROOT / "config.json"


def test_flags_of_a1111_mean_what_they_meant(tmp_path):
    given = launch(
        f"--listen --port 8000 --autolaunch --data-dir {tmp_path} --ckpt-dir {tmp_path}/c"
    )
    assert (given.host, given.port, given.autolaunch) == ("0.0.0.0", 8000, True)
    assert given.paths().data == tmp_path
    assert given.paths().checkpoints == tmp_path / "c"
    assert given.settings_file() == tmp_path / "config.json"
    assert launch("--server-name ::1").host == "::1"
    assert launch(f"--models-dir {tmp_path}/m").paths().models == tmp_path / "m"
    assert launch("--ui-settings-file ~/x.json").settings_file() == Path.home() / "x.json"


@pytest.mark.parametrize(
    ("given", "below"),
    [("", ""), ("easel", "/easel"), ("/easel/", "/easel"), ("a/b-c", "/a/b-c"), ("/", "")],
)
def test_the_path_that_everything_is_below_needs_no_slashes(given, below):
    assert Launch(subpath=given).below == below


@pytest.mark.parametrize("given", ["a b", "http://host/x", "..", "a/../b", "ä"])
def test_a_path_that_no_address_can_have_is_refused(given):
    with pytest.raises(InvalidRequest, match="subpath"):
        Launch(subpath=given).below  # noqa: B018


@pytest.mark.parametrize(
    ("flag", "place", "usual"),
    [
        ("--vae-dir", "vae", "models/VAE"),
        ("--lora-dir", "lora", "models/Lora"),
        ("--hypernetwork-dir", "hypernetworks", "models/hypernetworks"),
        ("--embeddings-dir", "embeddings", "embeddings"),
        ("--styles-file", "styles", "styles.csv"),
    ],
)
def test_each_kind_of_file_may_lie_elsewhere(tmp_path, flag, place, usual):
    there = f"--data-dir {tmp_path}"
    assert getattr(launch(there).paths(), place) == tmp_path / usual
    assert getattr(launch(f"{there} {flag} {tmp_path}/x").paths(), place) == tmp_path / "x"


@pytest.mark.parametrize(
    ("line", "device"),
    [
        ("", "auto"),
        ("--device cuda:1", "cuda:1"),
        ("--device-id 2", "cuda:2"),
        ("--use-cpu all", "cpu"),
        ("--use-cpu interrogate SD", "cpu"),
        ("--use-cpu gfpgan", "auto"),
    ],
)
def test_the_device_is_chosen_by_any_of_the_flags(line, device):
    assert launch(line).chosen_device == device


def test_full_precision_has_two_names():
    assert launch("--no-half").full_precision
    assert launch("--precision full").full_precision
    assert not launch().full_precision


def test_what_start_scripts_contain_is_accepted():
    line = "--api --xformers --opt-sdp-attention --skip-torch-cuda-test --ngrok-region eu --no-half"
    assert launch(line) == Launch(no_half=True)


def test_flags_without_effect_are_told(caplog):
    with caplog.at_level(logging.WARNING):
        assert launch("--upcast-sampling --esrgan-models-path x") == Launch()
    assert "--upcast-sampling has no effect yet" in caplog.text
    assert "--esrgan-models-path has no effect yet" in caplog.text


@pytest.mark.parametrize("line", ["--ngrok x", "--freeze-settings"])
def test_a_protection_that_is_not_there_is_never_promised(line):
    with pytest.raises(InvalidRequest, match="does not work yet"):
        launch(line)


@pytest.mark.parametrize(
    ("line", "hint"),
    [("--prot 7", "'--port'"), ("--xformer", "'--xformers'"), ("--por=7", "--port")],
)
def test_an_unknown_flag_offers_the_nearest(line, hint, capsys):
    with pytest.raises(SystemExit) as ended:
        launch(line)
    assert ended.value.code == 2
    assert hint in capsys.readouterr().err


def test_impossible_ports_are_refused():
    with pytest.raises(InvalidRequest, match="99999"):
        launch("--port 99999")


def test_all_flags_are_listed_for_clients():
    flags = launch("--ckpt-dir x").flags()
    assert flags["api"] is True
    assert flags["ckpt_dir"] == "x"
    assert flags["medvram"] is False
    assert flags["esrgan_models_path"] is None


@pytest.mark.parametrize(
    ("line", "exposed"),
    [
        ("", False),
        ("--server-name 127.0.0.1", False),
        ("--server-name ::1", False),
        ("--server-name localhost", False),
        ("--listen", True),
        ("--server-name 0.0.0.0", True),
        ("--server-name 192.168.1.2", True),
        ("--server-name my.box", True),
        ("--share", True),
    ],
)
def test_it_is_known_whether_others_can_reach_the_server(line, exposed):
    assert launch(line).exposed is exposed


def test_passwords_come_from_flags_and_a_file(tmp_path):
    file = tmp_path / "people.txt"
    file.write_text("dora:d:d\n\nemil:e,fritz:f\n", encoding="utf-8")
    line = f"--api-auth anna:a,ben:b --gradio-auth cleo:c --gradio-auth-path {file}"
    wanted = {"anna": "a", "ben": "b", "cleo": "c", "dora": "d:d", "emil": "e", "fritz": "f"}
    assert launch(line).credentials() == wanted
    flags = launch(line).flags()
    assert (flags["api_auth"], flags["gradio_auth"]) == ("(hidden)", "(hidden)")
    assert launch().flags()["api_auth"] == ""


@pytest.mark.parametrize("line", ["--api-auth anna", "--gradio-auth :x", "--api-auth anna:"])
def test_half_a_pair_is_refused(line):
    with pytest.raises(InvalidRequest, match="missing"):
        launch(line).credentials()


def test_a_password_file_that_is_not_there_is_told():
    with pytest.raises(InvalidRequest, match="cannot be read"):
        launch("--gradio-auth-path /nowhere/people.txt").credentials()


@pytest.mark.parametrize("line", ["--cors-allow-origins *", "--cors-allow-origins-regex ("])
def test_origins_must_be_named(line):
    with pytest.raises(InvalidRequest, match="cors-allow-origins"):
        launch(line)


@pytest.mark.parametrize(
    "line", ["--tls-keyfile x", "--tls-keyfile x --tls-certfile y", "--timeout-keep-alive 0"]
)
def test_impossible_connections_are_refused(line):
    with pytest.raises(InvalidRequest):
        launch(line)


@pytest.mark.parametrize(
    ("line", "policy"),
    [
        ("", "auto"),
        ("--medvram", "one"),
        ("--medvram-sdxl", "one for sdxl"),
        ("--lowvram", "layers"),
        ("--medvram --lowvram", "layers"),
    ],
)
def test_flags_for_little_memory_choose_a_policy(line, policy):
    assert launch(line).memory == policy
