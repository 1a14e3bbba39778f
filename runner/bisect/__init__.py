"""Finds the first bad release while measuring as few releases as possible.

`bisect` and `search_range` choose the next release to look at, and `candidates` lists the releases.
`search` carries the search out: `probe` measures and `prefetch` prepares environments in advance.
`gone` lets verdicts of earlier runs stand in for nightlies that no index has any more.
`problem` and `criteria` say what is bad. If a noisy value decides (`values`), `sampler` runs
releases until the evidence suffices. `blame` tells TensorFlow's changes from other packages'.
`answer` and `report` describe the result.
"""
