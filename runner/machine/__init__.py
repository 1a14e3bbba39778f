"""This machine: its files and locks, processes, memory, disks and Python interpreters."""
