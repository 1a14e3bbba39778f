"""Takes memory until it is stopped; by itself at 4 GiB."""
eaten = []
while len(eaten) < 256:
    eaten.append(b"x" * (16 << 20))
print("ate 4 GiB unpunished")
