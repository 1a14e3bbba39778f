"""The packaged engine: an image per environment, a locked-down container per agent."""
