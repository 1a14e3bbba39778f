"""Leaves everything behind that is hard to remove, in folders that must be its own and new."""
import os
import tempfile

here, home = os.path.realpath(os.getcwd()), os.path.realpath(os.path.expanduser("~"))
# where TensorFlow has been imported for the script, there is what that leaves
assert sorted(os.listdir(home)) in (["repro"], [".keras", "repro"]), os.listdir(home)
assert os.path.realpath(tempfile.gettempdir()) == home
assert here == os.path.join(home, "repro") == os.path.dirname(os.path.realpath(__file__))
assert "locked" not in os.listdir(here) and os.path.basename(__file__) in os.listdir(here)
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
