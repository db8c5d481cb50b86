"""The REST API of A1111's webui: its names and quirks stay in this folder."""
