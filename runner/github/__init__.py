"""Reads issues and comments on GitHub, and posts reports.

`address`, `comment` and `limits` decide everything that needs no network. `client` sends requests
and translates errors. `attach` finds the comment and posts or updates it.
"""
