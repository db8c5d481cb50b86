"""Templates in requests: each picture its own text, the same wherever and whenever it is drawn."""

from dataclasses import replace

import pytest

from modules.errors import InvalidRequest, NotFound
from modules.paths import Paths
from modules.schema.infotext_parse import parse_infotext
from modules.schema.inputs import Hires
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size, TextOptions
from modules.schema.script_call import ScriptCall
from modules.service.wording import with_words
from tests.service.test_app import drawn, make_app, wait

REQUEST = GenerationRequest(
    prompt="a __colour__ {cat|dog}",
    negative_prompt="{bad|worse}",
    seeds=Seeds(seed=100),
    size=Size(width=16, height=16),
    sampling=Sampling(steps=1),
    batch=Batch(batch_size=2, n_iter=4),
)


@pytest.fixture
def data(tmp_path):
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards" / "colour.txt").write_text("# some\nred\ngreen\n\nblue\n")
    return tmp_path


@pytest.fixture
def app(data):
    made = make_app(data)
    yield made
    made.close()


def test_each_picture_gets_the_text_of_its_seed(data):
    request = with_words(REQUEST, Paths(data=data))
    assert (request.batch.batch_size, request.batch.n_iter) == (1, 8)
    assert len({words.prompt for words in request.wordings}) > 2
    for index, words in enumerate(request.wordings):
        single = replace(REQUEST, seeds=Seeds(seed=100 + index), batch=Batch())
        assert with_words(single, Paths(data=data)).wordings == (words,)


def test_a_plain_prompt_is_left_alone(data):
    plain = replace(REQUEST, prompt="a {cat} (big:1.2)", negative_prompt="")
    assert with_words(plain, Paths(data=data)) == plain
    off = replace(REQUEST, text=TextOptions(wildcards=False, variants=False))
    assert with_words(off, Paths(data=data)) == off


def test_novelai_keeps_its_braces(data):
    request = replace(REQUEST, prompt=r"{{cat}} {a|a} \{", text=TextOptions(syntax="NovelAI"))
    assert with_words(request, Paths(data=data)).wordings[0].prompt == r"{{cat}} a \{"


def test_every_combination_is_drawn_as_often_as_pictures_were_asked_for(data):
    asked = replace(REQUEST, text=TextOptions(every_variant=True), batch=Batch(n_iter=2))
    request = with_words(asked, Paths(data=data))
    assert len(request.wordings) == 3 * 2 * 2 * 2 == request.batch.total
    assert len(set(request.wordings)) == 12
    assert with_words(request, Paths(data=data)) == request
    many = replace(asked, prompt=" ".join(["{a|b|c|d|e|f|g|h|i|j}"] * 9))
    with pytest.raises(InvalidRequest, match="more than 10,000 combinations"):
        with_words(many, Paths(data=data))


def test_pictures_tell_their_text_and_the_template(app):
    snapshot = wait(app, app.submit(REQUEST))
    assert snapshot.status == "finished"
    for image, words in zip(drawn(snapshot), snapshot.task.wordings, strict=True):
        recipe = parse_infotext(image.infotext)
        assert recipe["Prompt"] == words.prompt
        assert recipe["Negative prompt"] == words.negative_prompt
        assert recipe["Template"] == REQUEST.prompt
        assert recipe["Negative Template"] == REQUEST.negative_prompt
    assert app.read_recipe(drawn(snapshot)[0].infotext).request.prompt == (
        snapshot.task.wordings[0].prompt
    )


def test_a_second_pass_tells_the_text_that_was_drawn(app):
    hires = Hires(prompt="fine {x|y}")
    snapshot = wait(app, app.submit(replace(REQUEST, hires=hires, batch=Batch(n_iter=3))))
    for image, words in zip(drawn(snapshot), snapshot.task.wordings, strict=True):
        assert parse_infotext(image.infotext)["Hires prompt"] == words.hires_prompt
        assert words.hires_prompt in ("fine x", "fine y")


def test_a_missing_wildcard_is_refused_when_the_job_is_submitted(app):
    with pytest.raises(NotFound, match="Did you mean 'colour'"):
        app.submit(replace(REQUEST, prompt="__color__"))
    script = ScriptCall(name="X/Y/Z plot", args={"x_type": "Steps", "x_values": "1,2"})
    with pytest.raises(NotFound, match="Did you mean 'colour'"):
        app.submit(replace(REQUEST, prompt="__color__", script=script))


def test_cells_of_a_plot_share_the_text_of_their_seed(app):
    script = ScriptCall(
        name="X/Y/Z plot",
        args={"x_type": "Steps", "x_values": "1,2,3", "include_lone_images": True},
    )
    snapshot = wait(app, app.submit(replace(REQUEST, script=script, batch=Batch())))
    prompts = {image.prompt for image in drawn(snapshot)}
    assert prompts == {with_words(replace(REQUEST, batch=Batch()), app.paths).wordings[0].prompt}


def test_what_goes_on_forever_gets_other_texts_each_time(app):
    template = " ".join(["{a|b|c|d|e|f|g|h}"] * 8)
    first = app.submit(replace(REQUEST, prompt=template, batch=Batch()), forever=True)
    wait(app, first)
    sequel = app.jobs(1)[0]
    assert sequel.parent == first.id
    app.stop(sequel.id)
    assert sequel.task.prompt == template
    assert sequel.task.wordings[0].prompt != app.snapshot(first.id).task.wordings[0].prompt


def test_a_waiting_job_that_is_changed_gets_texts_of_its_new_prompt(app):
    app.queue.pause("test")
    job = app.submit(replace(REQUEST, text=TextOptions(every_variant=True), batch=Batch()))
    task = app.completed(replace(app.queue.find(job.id).task, prompt="a {x|y}"))
    assert [words.prompt for words in task.wordings] == ["a x", "a x", "a y", "a y"]


def test_what_a_finished_pictures_recipe_says_is_drawn_as_it_stands(app):
    recipe = app.read_recipe("a {cat|dog} __nowhere__\nSteps: 1, Sampler: Euler, Seed: 1")
    assert any("as it stands" in notice for notice in recipe.notices)
    snapshot = wait(app, app.submit(replace(recipe.request, size=Size(width=16, height=16))))
    assert drawn(snapshot)[0].prompt == "a {cat|dog} __nowhere__"
    assert app.read_recipe("a {cat|dog}").request.text.variants
    assert app.read_recipe("a cat\nSteps: 1, Sampler: Euler, Seed: 1").request.text.variants
