"""What a script can see of how it was started, as observations."""
import __main__
import inspect
import json
import os
import signal
import sys
import traceback

frames = [frame for frame in traceback.extract_stack() if "agent" not in os.path.basename(frame[0])]
facts = {
    "argv": sys.argv,
    "path0": os.path.realpath(sys.path[0]) == os.path.dirname(os.path.realpath(__file__)),
    "main": [__name__, os.path.basename(__main__.__file__), __spec__ is None, __package__],
    "globals": sorted(set(globals()) - set(dir(__builtins__)) - {"facts", "frames"}),
    "source": inspect.getsource(sys.modules["__main__"]).splitlines()[0],
    "frames": len(frames),
    "stdin": sys.stdin.read(),
    "leader": os.getpid() == os.getsid(0) == os.getpgid(0),
    "ours": [name for name in os.environ if "TFMATRIX" in name or name == "PYTHONDONTWRITEBYTECODE"],
    "sigint": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "sigterm": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
    "sigpipe": signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN,
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:3],
    "open": len(os.listdir("/proc/self/fd")),
    "word": os.environ.get("WORD"),
}
for name, value in sorted(facts.items()):
    print("::observe %s=%s" % (name, json.dumps(value)))
