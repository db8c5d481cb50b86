"""The suite as a command: parts by name, in processes of their own, with reasons for gaps."""

import json
from dataclasses import replace

import pytest

from benchmarks.suite.catalogue import PARTS
from benchmarks.suite.figure import Figure
from benchmarks.suite.run import flags, main, measured, named, wanted, write
from benchmarks.suite.wish import Wish


def names(*words):
    return [part.name for part in wanted(flags().parse_args(words))]


def test_every_part_has_a_function():
    from importlib import import_module

    for part in PARTS:
        module, _, name = part.measure.partition(":")
        assert callable(getattr(import_module(f"benchmarks.suite.parts.{module}"), name)), part.name


def test_large_models_are_measured_only_when_asked_or_on_a_gpu():
    assert "sdxl-256" not in names()
    assert "sdxl-1024" not in names()
    assert names("--only", "sdxl-256") == ["sdxl-256"]
    assert {"sdxl-256", "sdxl-1024"} <= set(names("--device", "cuda"))
    assert set(names("--quick")) < set(names())


def test_a_wrong_name_is_answered_with_the_nearest(capsys):
    assert main(["--only", "sd15-265"]) == 2
    assert "Did you mean 'sd15-256'" in capsys.readouterr().err


def test_a_part_that_needs_more_memory_than_there_is_says_so(tmp_path):
    part = replace(named("machine"), needs_gb=1e6)
    [figure] = measured(part, Wish(folder=tmp_path))
    assert figure.value is None
    assert figure.how.startswith("needs 1e+06 GB of memory, ")


def test_a_part_that_breaks_is_in_the_table_with_its_last_words(tmp_path):
    wish = Wish(folder=tmp_path, device="nowhere")
    [figure] = measured(named("machine"), wish)
    assert figure.value is None
    assert figure.how == "broke off: KeyError: 'nowhere'"


def test_figures_are_written_as_json_table_and_chart(tmp_path):
    write(tmp_path, {"device": "cpu"}, [Figure.of("saving", "PNG", [1.0, 2.0], "ms")])
    data = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert data["about"] == {"device": "cpu"}
    assert Figure.from_json(data["figures"][0]).value == 1.5
    assert "| PNG | 1.50 ms |" in (tmp_path / "figures.md").read_text("utf-8")
    assert (tmp_path / "figures.svg").read_text("utf-8").startswith("<svg ")


@pytest.mark.slow
def test_a_part_measures_in_a_process_of_its_own(tmp_path, capfd):
    assert main(["--quick", "--only", "embedded-128", "--out", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text("utf-8"))["figures"]
    found = {figure["name"]: figure["value"] for figure in figures}
    assert {"a step", "a step beyond its call", "overhead at 20 steps"} <= set(found)
    assert found["a picture"] > 0 and found["a call of the network"] > 0
    assert found["work of a call"] == pytest.approx(0.0019, rel=0.3)
    assert found["share of float32 peak"] > 0
    assert 0.2 < found["peak memory, ours"] < 4
    assert "embedded-128: the embedded model at its own size" in capfd.readouterr().out
