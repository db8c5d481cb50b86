"""The event stream as a person at a terminal sees it."""

import io

from modules.cli.progress import ProgressPrinter, bar
from modules.schema.event import Failed, ImageReady, Notice, Progress, Started
from modules.schema.result import GeneratedImage


def said(*events, moving):
    stream = io.StringIO()
    printer = ProgressPrinter(stream, moving)
    for event in events:
        printer.show(event)
    printer.end()
    return stream.getvalue()


def picture(path):
    about = {"seed": 1, "subseed": 1, "prompt": "", "negative_prompt": "", "width": 8, "height": 8}
    return ImageReady(image=GeneratedImage(index=0, path=path, **about))


def test_the_bar_shows_share_step_and_time_left():
    drawn = bar(Progress(step=5, steps=10, batch=0, batches=1, eta_s=67))
    assert "50%" in drawn
    assert "step 5 of 10" in drawn
    assert "1:07 left" in drawn
    assert drawn.count("#") == drawn.count(".") == 12


def test_several_batches_are_counted():
    assert "batch 2 of 3" in bar(Progress(step=1, steps=2, batch=1, batches=3))


def test_in_a_file_nothing_moves():
    step = Progress(step=1, steps=2, batch=0, batches=1)
    assert said(step, Notice(message="Note."), moving=False) == "Note.\n"


def test_the_moving_line_is_gone_at_the_end():
    text = said(Progress(step=1, steps=2, batch=0, batches=1), moving=True)
    assert text.endswith(" \r")


def test_finished_pictures_go_to_standard_output(capsys):
    said(picture("outputs/a.png"), moving=False)
    assert capsys.readouterr().out == "outputs/a.png\n"


def test_a_failure_tells_what_to_try():
    assert said(Failed(message="Too large.", hint="Try 512."), moving=True).endswith(
        "Too large.\nTry 512.\n"
    )


def test_a_job_that_goes_on_after_a_crash_says_where():
    assert "picture 3" in said(Started(start_image=2, images=4), moving=False)
