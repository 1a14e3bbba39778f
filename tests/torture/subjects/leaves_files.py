"""Leaves in out/ what could hold up, deceive or overwhelm whoever collects it or shows it."""

import os

os.makedirs("out/" + "/".join(["deep"] * 40))
os.symlink("/etc/passwd", "out/link")
os.symlink("/", "out/root")
os.mkfifo("out/pipe")
with open("out/a-sparse", "wb") as file:
    file.truncate(8 << 20)
for number in range(3000):
    os.link("out/a-sparse", "out/a-sparse-%d" % number)
for name in (
    b"\xff",
    b"\x1b[31mred",
    b"\xe2\x80\xaeturned",
    b"<b onmouseover=alert(1)>.html",
    b"::error::said",
    b"..\\..\\x",
    b"x" * 255,
):
    with open(b"out/" + name, "wb") as file:
        file.write(b"<script>alert(1)</script>")
print("left them")
