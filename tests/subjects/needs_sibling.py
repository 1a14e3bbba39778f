"""Imports a module that lies beside it."""
import sibling

print(sibling.WORD)
