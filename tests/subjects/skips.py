"""The script's own word for: this release cannot be judged."""
import sys

print("needs an API that this release does not have", file=sys.stderr)
sys.exit(125)
