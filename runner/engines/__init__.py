"""Engines make environments real and start the agent in them.

An engine is one file in this package and one line in `ENGINES`. Everything that is the same for all
of them (the conversation with the agent, scheduling, judging) lives outside and sees `Engine` only.
"""

from __future__ import annotations
