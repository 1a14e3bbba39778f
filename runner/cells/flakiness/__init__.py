"""What is done about scripts and machines that do not say the same each time: docs/flakiness.md.

`second_looks` says when one execution is not believed, `confirmations` what a forked child may be
believed at once, `outliers` which cells of a run are worth another look, `majority` what several
executions of a cell come to, `votes` how many runs of a bisection call a release bad.
"""
