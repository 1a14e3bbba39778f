"""Leaves everything behind that is hard to remove, in a folder that must be its own and empty."""
import os
import tempfile

here = os.path.realpath(os.getcwd())
# where TensorFlow has been imported for the script, there is what that leaves
assert os.listdir(here) in ([], [".keras"]), os.listdir(here)
assert os.path.realpath(os.path.expanduser("~")) == here
assert os.path.realpath(tempfile.gettempdir()) == here
os.makedirs("locked/inner")
open("locked/inner/file", "w").close()
os.chmod("locked/inner", 0o000)
os.chmod("locked", 0o500)
os.symlink("/", "root")
open("n" * 255, "w").close()
os.mkfifo("fifo")
for number in range(500):
    open("file %d\n" % number, "w").close()
for _ in range(300):  # deeper than a path may be long
    os.mkdir("d" * 50)
    os.chdir("d" * 50)
print("done")
