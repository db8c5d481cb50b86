"""Small files that go with the embedded model: a style, a word, an edge reader."""
