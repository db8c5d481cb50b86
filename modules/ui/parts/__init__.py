"""Pieces of a tab: each adds controls to a form."""
