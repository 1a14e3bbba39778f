"""The benchmark: what others would cost, what this tool costs, and what it cannot cost less than.

`make bench`, or `python -m bench`. docs/benchmark.md says what is compared, and how.
"""
