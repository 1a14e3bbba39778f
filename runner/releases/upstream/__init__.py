"""Reads TensorFlow's releases from the package index, and makes catalogue entries for them.

`settings` finds the index, `index` reads its pages, and `wheel` reads parts of a wheel. The rest is
pure: `offers` (wheels → versions), `table` (versions beside the catalogue), `proposal` (a version →
its catalogue entry), `insert` (an entry → the catalogue's text) and `prereleases` (versions →
releases outside the catalogue). `packages` handles any other package: its files → the releases for
one Python.
"""
