"""The door: what extensions may do, and what happens when one breaks."""

from dataclasses import replace

import pytest

import modules.extension.loader as loader
from modules.errors import InvalidRequest
from modules.extension.loader import Extensions
from modules.extension.plan import NONE
from modules.param import replace_at
from modules.schema.event import ImageReady, Notice
from modules.schema.request import GenerationRequest
from tests.extension.door import loaded, make_extension, picture, plain_draw, plan_for

CAT = GenerationRequest(prompt="a cat")


def states(extensions):
    return {one.folder.name: one.state for one in extensions.reports()}


def trouble_of(extensions, name):
    return next(one.trouble for one in extensions.reports() if one.folder.name == name)


def add_words(data, name, words, more=""):
    code = f"""
        from modules.param import replace_at

        @hook
        def prepare_request(request):
            return replace_at(request, "prompt", request.prompt + "{words}")
    """
    return make_extension(data, name, code, ("prepare_request",), more)


def test_each_extension_changes_what_the_one_before_left(tmp_path):
    add_words(tmp_path, "a-first", ", red")
    add_words(tmp_path, "b-second", ", big")
    changed = loaded(tmp_path).change("prepare_request", "request", CAT)
    assert changed.prompt == "a cat, red, big"


BREAKAGES = {
    "does not import": "import no_such_module_anywhere",
    "raises while it is imported": "raise RuntimeError('no')",
    "ends the program while it is imported": "raise SystemExit(3)",
    "is no Python": "def (:",
    "raises in its hook": "@hook\ndef prepare_request(request):\n    raise KeyError('x')",
    "returns the wrong thing": "@hook\ndef prepare_request(request):\n    return 'a dog'",
    "wants an argument there is not": "@hook\ndef prepare_request(picture):\n    return None",
    "uses a hook it did not ask for": "@hook\ndef image_ready(image):\n    return image",
    "uses a hook there is not": "@hook\ndef prepare_requests(request):\n    return None",
}


@pytest.mark.parametrize("code", BREAKAGES.values(), ids=BREAKAGES)
def test_a_broken_extension_is_named_and_switched_off_and_no_other(tmp_path, code):
    make_extension(tmp_path, "broken", "\n" + code, ("prepare_request",))
    add_words(tmp_path, "sound", ", red")
    extensions = loaded(tmp_path)
    for _ in range(2):
        assert extensions.change("prepare_request", "request", CAT).prompt == "a cat, red"
    assert states(extensions) == {"broken": "broken", "sound": "on"}
    assert "broken" in str(trouble_of(extensions, "broken"))


def test_a_slow_hook_is_not_waited_for(tmp_path, monkeypatch):
    quick = replace(loader.ABOUT["prepare_request"], limit_s=0.1)
    monkeypatch.setattr(loader, "ABOUT", {**loader.ABOUT, "prepare_request": quick})
    code = """
        import time

        @hook
        def prepare_request(request):
            time.sleep(1)
    """
    make_extension(tmp_path, "slow", code, ("prepare_request",))
    extensions = loaded(tmp_path)
    assert extensions.change("prepare_request", "request", CAT) == CAT
    assert states(extensions) == {"slow": "broken"}
    assert "not done after 0.1 seconds" in trouble_of(extensions, "slow").message


def test_only_a_deliberate_error_stops_the_job(tmp_path):
    code = """
        from modules.errors import InvalidRequest

        @hook
        def prepare_request(request):
            raise InvalidRequest("No cats here.")
    """
    make_extension(tmp_path, "strict", code, ("prepare_request",))
    extensions = loaded(tmp_path)
    with pytest.raises(InvalidRequest, match="No cats here"):
        extensions.change("prepare_request", "request", CAT)
    assert states(extensions) == {"strict": "on"}


def test_safe_mode_runs_nothing(tmp_path):
    make_extension(tmp_path, "broken", "raise RuntimeError('it ran')")
    extensions = Extensions(replace(plan_for(tmp_path), which=NONE))
    extensions.load()
    assert states(extensions) == {"broken": "off"}


def test_what_an_extension_requires_must_be_there(tmp_path):
    add_words(tmp_path, "needy", ", red", 'requires = ["absent"]')
    add_words(tmp_path, "modern", ", red", 'requires = ["easel>=99"]')
    add_words(tmp_path, "content", ", blue", 'requires = ["easel>=0.1"]')
    extensions = loaded(tmp_path)
    assert states(extensions) == {"content": "on", "modern": "broken", "needy": "broken"}
    assert "absent" in trouble_of(extensions, "needy").message


def test_a_second_extension_of_a_name_is_not_loaded(tmp_path):
    add_words(tmp_path, "twin", ", red")
    other = add_words(tmp_path, "other", ", blue")
    (other / "extension.toml").write_text('name = "twin"\nhooks = ["prepare_request"]')
    extensions = loaded(tmp_path)
    assert [one.state for one in extensions.reports()].count("on") == 1
    assert any("Another extension" in str(one.trouble) for one in extensions.reports())


def test_files_of_two_extensions_with_the_same_names_do_not_meet(tmp_path):
    for name in ("one", "two"):
        code = """
            from modules.param import replace_at

            @hook
            def prepare_request(request):
                from . import words
                return replace_at(request, "prompt", request.prompt + words.WORDS)
        """
        folder = make_extension(tmp_path, name, code, ("prepare_request",))
        (folder / "words.py").write_text(f'WORDS = " {name}"')
    assert loaded(tmp_path).change("prepare_request", "request", CAT).prompt == "a cat one two"


def test_an_extension_is_read_again_without_a_restart(tmp_path):
    folder = add_words(tmp_path, "words", ", red")
    extensions = loaded(tmp_path)
    code = (folder / "extension.py").read_text().replace(", red", ", a deep blue")
    (folder / "extension.py").write_text(code)
    extensions.reload(extensions.plan)
    assert extensions.change("prepare_request", "request", CAT).prompt == "a cat, a deep blue"


def test_drawing_goes_on_where_a_broken_extension_left_it(tmp_path):
    code = """
        @hook
        def around_drawing(request, draw, start_image):
            for number, event in enumerate(draw(request, start_image)):
                if number == 2:
                    raise ValueError("tired")
                yield event
    """
    make_extension(tmp_path, "tired", code, ("around_drawing",))
    extensions = loaded(tmp_path, "engine")
    request = replace_at(CAT, "batch.n_iter", 4)
    events = list(extensions.draw(request, plain_draw, 0))
    indices = [event.image.index for event in events if isinstance(event, ImageReady)]
    assert indices == [0, 1, 2, 3]
    assert [event.message for event in events if isinstance(event, Notice)]
    assert states(extensions) == {"tired": "broken"}


def test_what_drawing_raises_is_not_blamed_on_an_extension_around_it(tmp_path):
    code = """
        @hook
        def around_drawing(request, draw, start_image):
            yield from draw(request, start_image)
    """
    make_extension(tmp_path, "innocent", code, ("around_drawing",))
    extensions = loaded(tmp_path, "engine")

    def failing(request, start_image, attachments):
        yield ImageReady(image=picture(0))
        raise MemoryError("no room")

    with pytest.raises(MemoryError):
        list(extensions.draw(CAT, failing, 0))
    assert states(extensions) == {"innocent": "on"}


def test_an_attachment_that_breaks_is_left_out_and_the_next_still_works(tmp_path):
    bad = """
        @hook
        def attach(request):
            return Attachment(before_network=lambda x, level: x / 0)
    """
    good = """
        @hook
        def attach(request):
            return Attachment(before_network=lambda x, level: x + 41)
    """
    make_extension(tmp_path, "bad", bad, ("attach",))
    make_extension(tmp_path, "good", good, ("attach",))
    extensions = loaded(tmp_path, "engine")
    [event] = extensions.draw(CAT, plain_draw, 0)
    assert event.image.seed == 42
    assert states(extensions) == {"bad": "broken", "good": "on"}


def test_a_finished_picture_can_be_changed(tmp_path):
    code = """
        from dataclasses import replace

        @hook
        def image_ready(image):
            return replace(image, facts=(("Mood", "calm"),))
    """
    make_extension(tmp_path, "moody", code, ("image_ready",))
    [event] = loaded(tmp_path, "engine").draw(CAT, plain_draw, 0)
    assert event.image.facts == (("Mood", "calm"),)


def test_a_manifest_with_a_misspelt_key_says_which_was_meant(tmp_path):
    add_words(tmp_path, "typo", ", red", 'licence = "MIT"')
    trouble = trouble_of(loaded(tmp_path), "typo")
    assert "'licence'" in trouble.message and "'license'" in trouble.message
