"""Measures a test suite: pytest runs one file per cell, and each test becomes a row.

`tfmatrix_driver` runs in the cell and prints the result of each test. `reports` reads these lines.
`rounds` runs the remaining tests after one that ended the process. `rows` turns tests into
executions and results.
"""
