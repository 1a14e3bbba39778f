"""A suite of tests measured: pytest runs in the cell, a file at a time, and each test is a row.

`driver` runs in the cell and tells what came of each test, `reports` reads that, `rounds` goes on
after a test that took the process with it, `rows` are the tests as executions and as results.
"""
