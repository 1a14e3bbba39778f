"""There is nobody to answer."""
import sys

print(repr(sys.stdin.read()))
input("your name? ")
