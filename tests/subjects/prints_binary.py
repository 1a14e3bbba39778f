"""Bytes that are no UTF-8, control characters and half of an emoji."""
import os

os.write(1, bytes(range(256)))
os.write(1, b"\xf0\x9f\x98")
os.write(2, b"\x1b[31mred\x1b[0m \xff\xfe")
