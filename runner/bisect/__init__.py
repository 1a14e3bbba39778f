"""Finding the first bad one by measuring few.

`bisect` and `votes` are pure: they say where to look next. `search` carries it out: `probe`
measures, `prefetch` prepares what may come next, `axis` says along what, `answer` and `report`
put it into words.
"""
