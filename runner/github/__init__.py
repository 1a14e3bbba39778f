"""GitHub: where a reproduction comes from, and where the report goes.

Everything that can be decided without the network is in `address`, `comment` and `limits`; `client`
asks and translates what goes wrong; `attach` finds the comment and posts or updates it.
"""
