"""What is wrong with an installation, in words: `python webui.py doctor`."""
