"""One cell: running a script in an environment, and judging the result."""
