"""The protection against flaky scripts and machines: see docs/flakiness.md.

`second_looks`: when one execution is not enough. `confirmations`: which signatures of forked
children need no second look. `outliers`: which cells of a run are measured again. `majority`: the
result of several executions of a cell. `votes`: how many bad runs make a release bad in a
bisection. `evidence`: what several values show about a noisy one.
"""
