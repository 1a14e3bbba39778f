"""The devices against flaky scripts and machines: see docs/flakiness.md.

`second_looks` tells when one execution is not believed, `confirmations` which signatures of a
forked
child are believed at once, `outliers` which cells of a run are measured again, `majority` the
result
of several executions of a cell, `votes` how many bad runs make a release bad in a bisection.
"""
