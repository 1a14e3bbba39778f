"""Checks this machine, removes what tfmatrix made, and updates the catalogue."""
