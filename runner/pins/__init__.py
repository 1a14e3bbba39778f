"""A run → the releases that one may pin, and what keeps one from the next. Pure.

A release qualifies when every cell that is asked for was measured there and passed. A skip, an
error, a missing or an inferred cell never supports a pin.
"""
