"""Many files, each small enough; by itself at 3 GiB."""
for number in range(3 << 7):
    with open(str(number), "wb") as file:
        file.write(b"\0" * (8 << 20))
print("wrote 3 GiB unpunished")
