"""One cell: a script run once in an environment, and what is judged from that."""
