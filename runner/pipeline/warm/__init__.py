"""Keeps agents that have imported TensorFlow from one command to the next.

`keeper` is the process that holds them; `keeping` starts and ends it, and asks for agents; `lender`
borrows one for a cell. They speak through a socket of one user (`address`).
"""
