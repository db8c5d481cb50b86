"""How well pictures obey their captions, measured by an independent probe."""
