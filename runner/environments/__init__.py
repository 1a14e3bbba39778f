"""Turns a release into an environment: locked packages, a Dockerfile, a content key, its size."""
