"""Which release this is, and how pictures say so."""

VERSION = "0.1.0"

RECIPE_VERSION = f"easel-v{VERSION}"
"""The `Version` value in a picture's recipe.

Readers of recipes parse this value as a version number (PEP 440) and switch on old behaviour when
it is small: below 1.6.0, below 1.7.0-225, below 1.9. Our own number counts something else, so it
has a form that does not parse. Known readers take that as "no rule: current behaviour", with and
without a `-5-gabc1234` of `git describe` behind it.
"""
