"""Measures one cell by running its script in an environment, and judges the result."""
