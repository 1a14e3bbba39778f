"""Maintenance: checks of this machine, removal of what this tool made, updates of the catalogue."""
