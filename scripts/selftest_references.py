"""Draw the eight pictures that `webui.py doctor` compares with, and keep their averages.

    python scripts/selftest_references.py

Run it after the model that comes with the program has changed, on a machine that is known to be
sound; the sheet goes to configs/selftest.png.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image

from modules.paths import Paths
from modules.service.doctor.renders import REFERENCE, SIDE, draw, reduced
from modules.settings.launch import Launch


def main() -> None:
    """Write the sheet; ends with the reason if a picture cannot be drawn."""
    paths = Paths()
    averages = []
    for render, found, _ in draw(Launch(device="cpu"), paths):
        if isinstance(found, str):
            sys.exit(f"{render.part}: {found}")
        averages.append(reduced(found))
    sheet = Image.new("RGB", (SIDE, SIDE * len(averages)))
    for number, average in enumerate(averages):
        sheet.paste(average, (0, SIDE * number))
    sheet.save(paths.configs / REFERENCE, optimize=True)


if __name__ == "__main__":
    main()
