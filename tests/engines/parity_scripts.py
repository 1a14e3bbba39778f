"""Small scripts that could tell a forked process from a fresh one, by what they look at.

Each runs after `import tensorflow as tf` and `import os, sys`, on Python 3.6 to 3.13. It prints
what it sees, or ends in its own way; both modes must show the same.
"""

from __future__ import annotations

ENVIRONMENT = {
    "variables": "print(sorted(os.environ))",
    "variables and values": "print(sorted((k, v) for k, v in os.environ.items() if k != '_'))",
    "variables of a child": (
        "import subprocess\nprint(sorted(subprocess.check_output(['env']).decode().split('\\n')))"
    ),
    "a variable set and read by a child": (
        "import subprocess\nos.environ['MINE'] = '1'\n"
        "print(subprocess.check_output('echo $MINE', shell=True))"
    ),
    "a variable unset": "os.environ.pop('HOME')\nprint(os.path.expanduser('~')[:1])",
    "folder": "print(os.getcwd() == os.environ['HOME'], os.listdir('.') == [])",
    "folders it makes": "os.makedirs('a/b')\nprint(os.listdir('.'))",
    "temporary folder": "import tempfile\nprint(tempfile.gettempdir() == os.getcwd())",
    "arguments": "print(len(sys.argv), os.path.basename(sys.argv[0]))",
    "executable": "print(os.path.basename(sys.executable))",
    "flags": "print(sys.flags)",
    "encodings": (
        "import locale\nprint(sys.stdout.encoding, sys.getfilesystemencoding(),"
        " locale.getpreferredencoding())"
    ),
    "umask": "mask = os.umask(0)\nprint(oct(mask))",
    "standard input": "print(repr(sys.stdin.read()))",
    "open files": "print(sorted(int(fd) for fd in os.listdir('/dev/fd'))[:3])",
    "terminals": "print([os.isatty(fd) for fd in (0, 1, 2)])",
    "session": "print(os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid())",
    "buffering": "print(sys.stdout.line_buffering, type(sys.stdout.buffer).__name__)",
    "time zone": "import time\nprint(time.tzname)",
    "hash seed": "print(hash(1), hash((1, 2)), hash(1.5))",
}
MODULES = {
    "main": "import __main__\nprint(__main__.__name__, __main__.__dict__ is globals())",
    "main's names": "print(sorted(n for n in globals() if n.startswith('__')))",
    "main's file": "print(os.path.basename(__file__), __package__, __spec__, __cached__)",
    "main's loader": "print(type(__loader__).__name__)",
    "path": "print(os.path.dirname(os.path.realpath(__file__)) == sys.path[0])",
    "path length": "print(len(sys.path))",
    "finders": "print([getattr(f, '__name__', type(f).__name__) for f in sys.meta_path])",
    "modules of its own": "import sys\nprint(sorted(m for m in sys.modules if 'agent' in m))",
    "json": "import json\nprint(json.dumps({'a': [1, None]}))",
    "imports late": "import xml.dom.minidom, sqlite3\nprint(xml.dom.minidom.__name__)",
    "reloads": "import importlib, json\nprint(importlib.reload(json).__name__)",
    "removes a module": "import json\ndel sys.modules['json']\nimport json\nprint(json.loads('1'))",
    "a module that is missing": "import no_such_module",
    "a broken hook": "sys.meta_path.insert(0, object())\nimport colorsys",
    "pickles main": (
        "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))).__module__)"
    ),
    "warnings": "import warnings\nwarnings.warn('mine')\nprint(len(warnings.filters) > 0)",
    "warnings as errors": "import warnings\nwarnings.simplefilter('error')\nwarnings.warn('mine')",
    "logging": "import logging\nlogging.getLogger('mine').error('told')",
    "root logger": "import logging\nprint(logging.getLogger().level, logging.getLogger().handlers)",
    "recursion limit": "print(sys.getrecursionlimit())",
}
SIGNALS = {
    "handlers": (
        "import signal\nprint([(n, str(signal.getsignal(n))[:30]) for n in range(1, 32)"
        " if n not in (9, 19)])"
    ),
    "mask": "import signal\nprint(signal.pthread_sigmask(signal.SIG_BLOCK, []))",
    "wakeup": "import signal\nprint(signal.set_wakeup_fd(-1))",
    "interrupt": "import signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(5)",
    "interrupt caught": (
        "import signal, time\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(5)\n"
        "except KeyboardInterrupt:\n    print('caught')"
    ),
    "broken pipe": "r, w = os.pipe()\nos.close(r)\nos.write(w, b'x')",
    "alarm": "import signal, time\nsignal.alarm(1)\ntime.sleep(5)",
    "alarm caught": (
        "import signal\ndef told(*_):\n    print('alarm')\n    sys.exit(4)\n"
        "signal.signal(signal.SIGALRM, told)\nsignal.alarm(1)\nsignal.pause()"
    ),
    "child ended": (
        "import signal, subprocess\nseen = []\n"
        "signal.signal(signal.SIGCHLD, lambda *_: seen.append(1))\nsubprocess.call(['true'])\n"
        "print(len(seen) >= 1)"
    ),
    "faulthandler": "import faulthandler\nprint(faulthandler.is_enabled())",
    **{
        f"ends by signal {number}": f"import time\nos.kill(os.getpid(), {number})\ntime.sleep(5)"
        for number in (4, 6, 8, 9, 11, 15)
    },
}
THREADS = {
    "count": "import threading\nprint(threading.active_count(), threading.current_thread().name)",
    "main thread": (
        "import threading\nprint(threading.main_thread() is threading.current_thread(),"
        " threading.main_thread().ident == threading.get_ident())"
    ),
    "one ends": (
        "import threading\nt = threading.Thread(target=print, args=('told',))\nt.start()\nt.join()"
    ),
    "one goes on": (
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()"
    ),
    "a daemon": (
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\nprint('end')"
    ),
    "one fails": "import threading\nthreading.Thread(target=lambda: 1 / 0).start()",
    "a pool": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "print(list(ThreadPoolExecutor(3).map(abs, [-1, -2])))"
    ),
    "a pool of processes": (
        "import multiprocessing\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    print(pool.map(abs, [-1, -2]))"
    ),
    "a timer": "import threading\nthreading.Timer(0.2, print, ['late']).start()",
    "a fork": "pid = os.fork()\nif pid == 0:\n    os._exit(3)\nprint(os.waitpid(pid, 0)[1])",
    "local": "import threading\nlocal = threading.local()\nprint(vars(local))",
    "asyncio": (
        "import asyncio\nasync def main():\n    await asyncio.sleep(0.01)\n    return 'done'\n"
        "loop = asyncio.new_event_loop()\nprint(loop.run_until_complete(main()))\nloop.close()"
    ),
    "switch interval": "print(sys.getswitchinterval())",
}
EXITS = {
    **{
        f"exits with {code}": f"sys.exit({code})"
        for code in ("0", "1", "3", "125", "-1", "256", "1 << 40", "True", "None", "'why'", "2.5")
    },
    "exits with a tuple": "sys.exit(('a', 1))",
    "raises SystemExit": "raise SystemExit",
    "an error": "raise ValueError('what was wrong')",
    "an error with a cause": (
        "try:\n    {}['key']\nexcept KeyError as error:\n    raise ValueError('wrong') from error"
    ),
    "an error while another": "try:\n    {}['key']\nexcept KeyError:\n    1 / 0",
    "an error of its own": "class Mine(Exception): pass\nraise Mine('a', 1)",
    "an error that cannot be shown": (
        "class Mine(Exception):\n    def __str__(self):\n        raise ValueError\nraise Mine"
    ),
    "an assertion": "assert 1 == 2, 'one is not two'",
    "a syntax error": "compile('a b', 'mine', 'exec')",
    "a hook": "sys.excepthook = lambda *_: print('hooked')\n1 / 0",
    "a hook that fails": "sys.excepthook = None\n1 / 0",
    "at exit": "import atexit\natexit.register(print, 'at exit')",
    "at exit in order": "import atexit\nfor n in range(3):\n    atexit.register(print, n)",
    "at exit after an error": "import atexit\natexit.register(print, 'at exit')\n1 / 0",
    "fails at exit": "import atexit\natexit.register(lambda: 1 / 0)",
    "exits at exit": "import atexit\natexit.register(sys.exit, 4)",
    "ends at once": "import atexit\natexit.register(print, 'never')\nos._exit(5)",
    "aborts": "os.abort()",
    "replaces itself": "os.execv('/bin/sh', ['sh', '-c', 'echo replaced; exit 6'])",
    "output unwritten": "sys.stdout = open(1, 'w', closefd=False)\nprint('late')",
    "output closed": "sys.stdout.close()",
    "errors closed": "sys.stderr.close()\n1 / 0",
    "no output": "os.close(1)\nprint('lost')",
    "a file unwritten": "f = open('f', 'w')\nf.write('x')\nprint(os.path.getsize('f'))",
}
ABORTS = "class Mine:\n    def __del__(self, abort=os.abort):\n        abort()\n"
TELLS = "class Mine:\n    def __del__(self, write=os.write):\n        write(1, b'gone\\n')\n"
FINALIZERS = {
    "a name": TELLS + "mine = Mine()",
    "a name deleted": TELLS + "mine = Mine()\ndel mine\nprint('then')",
    "a ring": TELLS + "mine = Mine()\nmine.mine = mine",
    "in sys": TELLS + "sys.mine = Mine()",
    "in builtins": TELLS + "import builtins\nbuiltins.mine = Mine()",
    "in a module": TELLS + "import json\njson.mine = Mine()",
    "in TensorFlow": TELLS + "tf.mine = Mine()",
    "in a class of TensorFlow": TELLS + "tf.keras.layers.Dense.mine = Mine()",
    "in a registry of Keras": TELLS + "tf.keras.utils.get_custom_objects()['mine'] = Mine()",
    "aborts in a registry": ABORTS + "tf.keras.utils.get_custom_objects()['mine'] = Mine()",
    "aborts in a class": ABORTS + "tf.keras.layers.Dense.mine = Mine()",
    "aborts": ABORTS + "mine = Mine()",
    "fails": "class Mine:\n    def __del__(self):\n        1 / 0\nmine = Mine()",
    "weakref": (
        "import weakref\nclass Mine: pass\nmine = Mine()\n"
        "weakref.finalize(mine, print, 'finalized')"
    ),
    "a generator": (
        "def mine():\n    try:\n        yield\n    finally:\n        os.write(1, b'closed\\n')\n"
        "one = mine()\nnext(one)"
    ),
    "in an exit handler": TELLS + "import atexit\natexit.register(lambda mine: None, Mine())",
    "in an error": TELLS + "error = ValueError(Mine())\nraise error",
    "uses its module": (
        "text = 'still there'\nclass Mine:\n    def __del__(self):\n"
        "        os.write(1, text.encode())\nmine = Mine()\nmine.mine = mine"
    ),
}
DEPTH = {
    "frames": "import inspect\nprint(len(inspect.stack()))",
    "the frame below": "print(sys._getframe().f_back.f_back)",
    "how deep": (
        "def deep(n):\n    try:\n        return deep(n + 1)\n    except RecursionError:\n"
        "        return n\nprint(deep(0))"
    ),
    "too deep": "def deep():\n    deep()\ndeep()",
    "a stack of C": (
        "sys.setrecursionlimit(20000)\n"
        "def deep(n):\n    return n and deep(n - 1)\nprint(deep(5000))"
    ),
    "a stack in a thread": (
        "import threading\ndef deep(n):\n    return n and deep(n - 1)\n"
        "t = threading.Thread(target=lambda: print(deep(500)))\nt.start()\nt.join()"
    ),
    "a traceback": "import traceback\ntraceback.print_stack()",
}
LIMITS = {
    "limits": (
        "import resource\nprint([(n, resource.getrlimit(getattr(resource, n)))"
        " for n in sorted(dir(resource)) if n.startswith('RLIMIT_')])"
    ),
    "niceness": "print(os.nice(0))",
    "processors": "print(sorted(os.sched_getaffinity(0)), os.cpu_count())",
    "policy": "print(os.sched_getscheduler(0))",
    "file too large": (
        "with open('f', 'wb') as f:\n    for _ in range(80):\n        f.write(bytes(1 << 20))"
    ),
    "many files": "kept = [open('/dev/null') for _ in range(200)]\nprint(len(kept))",
    "processes": "import subprocess\nprint(subprocess.check_output(['sh', '-c', 'ulimit -u']))",
    "core files": "import subprocess\nprint(subprocess.check_output(['sh', '-c', 'ulimit -c']))",
}
TENSORFLOW = {
    "version": "print(tf.__version__)",
    "a sum": "print(tf.constant(1) + tf.constant(2))",
    "a graph": (
        "with tf.Graph().as_default() as g:\n    tf.constant(1, name='mine')\n"
        "print([op.name for op in g.get_operations()])"
    ),
    "a session": (
        "v1 = tf.compat.v1\nwith v1.Session(graph=tf.Graph()) as s, s.graph.as_default():\n"
        "    print(s.run(v1.placeholder_with_default(3.0, [])))"
    ),
    "a seed": (
        "set_seed = getattr(tf.random, 'set_seed', None) or tf.compat.v1.set_random_seed\n"
        "set_seed(3)\nx = tf.random.uniform([2])\nprint(x.shape)"
    ),
    "an error of its": "tf.matmul([[1.0, 2.0]], [[1.0, 2.0]])",
    "a model": (
        "import numpy as np\nm = tf.keras.Sequential([tf.keras.layers.Dense(1)])\n"
        "m.compile('sgd', 'mse')\nm.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)\n"
        "print(len(m.get_weights()))"
    ),
    "no name": "tf.no_such_name",
    "threads set late": "tf.config.threading.set_intra_op_parallelism_threads(1)\nprint('set')",
}
SCRIPTS = {
    f"{kind}: {name}": text
    for kind, scripts in (
        ("environment", ENVIRONMENT),
        ("modules", MODULES),
        ("signals", SIGNALS),
        ("threads", THREADS),
        ("exits", EXITS),
        ("finalizers", FINALIZERS),
        ("depth", DEPTH),
        ("limits", LIMITS),
        ("tensorflow", TENSORFLOW),
    )
    for name, text in scripts.items()
}
"""Name → what follows the imports."""

WHOLE = {
    "variables": """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import tensorflow as tf
print(sorted(set(os.environ) - {"_"}), os.environ["TF_CPP_MIN_LOG_LEVEL"])
print(tf.constant([1.0, 2.0]).shape)
""",
    "a variable that the import reads": """
import os
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_XLA_FLAGS"] = "--tf_xla_auto_jit=2"
import tensorflow as tf
print(tf.keras.layers.Dense(2).units)
""",
    "seeds": """
SEED = 56
import os
os.environ["PYTHONHASHSEED"] = str(SEED)
import random
random.seed(SEED)
import numpy as np
np.random.seed(SEED)
import tensorflow as tf
print(random.random(), np.random.rand(2), random.random())
""",
    "warnings not shown": """
import warnings
warnings.filterwarnings("ignore", category=FutureWarning)
import tensorflow as tf
warnings.warn("mine", FutureWarning)
warnings.warn("mine too", UserWarning)
print([(one[0], one[2].__name__) for one in warnings.filters])
""",
    "messages not shown": """
import logging
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
logging.getLogger("tensorflow").setLevel(logging.ERROR)
import tensorflow as tf
logger = logging.getLogger("tensorflow")
print(logger.level, logger.handlers, logging.getLogger().handlers)
logger.warning("not told")
""",
    "packages": """
import h5py, six.moves as moves
from absl import flags
import numpy as np
import tensorflow as tf
import sys
with h5py.File("a.h5", "w") as file:
    file["x"] = np.dot(np.ones((300, 300)), np.ones((300, 300)))
    print(file["x"][0, 0], moves.range(3), flags.FLAGS.is_parsed())
print(sorted(name for name in sys.modules if name.startswith("h5py"))[:3])
""",
    "an error after it": """
import h5py
import tensorflow as tf

def fails(x):
    return x.no_such_attribute

fails(tf.constant(1))
""",
    "sources": '''
"""About it."""
import inspect, six
def doubled(x):
    return x * 2
import tensorflow as tf
print(inspect.getsource(doubled), doubled.__code__.co_firstlineno, __doc__)
graph = tf.Graph()
with graph.as_default():
    value = doubled(tf.constant(4))
with tf.compat.v1.Session(graph=graph) as session:
    print(session.run(value))
''',
    "keras alone": """
from keras.models import Sequential
from keras.layers import Dense
model = Sequential([Dense(2)])
model.build((None, 3))
print(len(model.get_weights()))
""",
}
"""Scripts with a prologue that does something: the importing process runs it."""
