"""Reads what scripts need besides TensorFlow: from scripts, requirements files and projects."""
