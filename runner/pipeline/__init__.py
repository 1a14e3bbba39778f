"""A plan carried out: environments prepared, cells measured, results journalled."""
