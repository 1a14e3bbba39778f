"""More output than anybody reads, with an observation in the middle of it."""
import sys

sys.stdout = open(1, "w", buffering=1 << 16)
print("the head")
line = "x" * 99
for number in range(200000):
    print(line)
    if number == 100000:
        print('::observe halfway="seen"')
print("the tail")
