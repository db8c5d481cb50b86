"""Start Easel: `python webui.py` serves the page; `python webui.py --help` lists the rest."""

# This file is written so that even very old Pythons can read it and say what is wrong.
import sys

if sys.version_info < (3, 11):
    sys.exit(
        "Easel needs Python 3.11 or newer; this is Python %d.%d.\n"
        "Install a newer one from https://www.python.org/downloads/ and start webui.py with it."
        % tuple(sys.version_info[:2])
    )


def start():
    """Make sure that the packages are there, then hand over to the command line."""
    from pathlib import Path

    from modules.bootstrap.environment import RUNTIME, ensure_environment
    from modules.errors import WebUIError

    if not {"-h", "--help", "--version"} & set(sys.argv[1:]):
        try:
            ensure_environment(Path(__file__).resolve().parent, RUNTIME)
        except WebUIError as error:
            sys.exit("%s\n%s" % (error.message, error.hint))
        except KeyboardInterrupt:
            sys.exit("\nStopped. Start again to go on where it was.")

    from modules.cli.main import main

    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":  # the engine's child process imports this file too
    start()
