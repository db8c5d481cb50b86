"""The modules of A1111's webui as extensions see them, by what they are about."""
