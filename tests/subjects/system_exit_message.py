"""`sys.exit` with a text: exit code 1, and the text on stderr."""
import sys

sys.exit("cannot go on: no such layer")
