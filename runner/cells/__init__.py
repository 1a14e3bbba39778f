"""One cell: a script run in an environment, and the judgement on it."""
