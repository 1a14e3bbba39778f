"""A release becomes an environment: locked packages, a Dockerfile, a content key, its size."""
