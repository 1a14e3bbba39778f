"""Finds which releases a run allows to pin, and what keeps the others out.

A release qualifies if every required cell was measured there and passed. A skipped, failed to
measure, missing or inferred cell never supports a pin.
"""
