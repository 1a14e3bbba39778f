"""Has TensorFlow load every CUDA library that it loads on a machine with a GPU; prints what came.

Runs inside a CUDA image, where no GPU is needed: these are the very functions (DsoLoader) through
which TensorFlow finds its libraries, so its own search path and version numbers are what is tried.
The last line is JSON. Standard library and TensorFlow; Python 3.6 to 3.13.
"""

import ctypes
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import tensorflow as tf

# Name in TensorFlow, its file's name, and what it is for where TensorFlow computes without.
LIBRARIES = [
    ("CudaRuntime", "libcudart", ""),
    ("Cublas", "libcublas", ""),
    ("CublasLt", "libcublasLt", ""),
    ("Cufft", "libcufft", ""),
    ("Curand", "libcurand", ""),
    ("Cusolver", "libcusolver", ""),
    ("Cusparse", "libcusparse", ""),
    ("Cudnn", "libcudnn", ""),
    ("Cupti", "libcupti", "profiling"),
    ("Nccl", "libnccl", "several GPUs, where it is not built in"),
    ("NvInfer", "libnvinfer", "TensorRT"),
    ("CudaDriver", "libcuda", "comes with the machine's driver"),
]
NAMESPACES = ("3tsl8internal", "15stream_executor8internal")
FOLDER = Path(tf.__file__).resolve().parent
HOLDERS = (
    "libtensorflow_cc.so.*",
    "python/_pywrap_tensorflow_internal.so",
    "libtensorflow_framework.so.*",
)


def holders():
    """TensorFlow's own shared objects as they are loaded now: dlopen searches as its caller may."""
    for pattern in HOLDERS:
        for path in FOLDER.glob(pattern):
            yield ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_LAZY)


def loader(name):
    """The exported function that loads this library; None where this release has none."""
    function = f"Get{name}DsoHandle"
    for holder in holders():
        for namespace in NAMESPACES:
            try:
                return holder[f"_ZN{namespace}9DsoLoader{len(function)}{function}Ev"]
            except AttributeError:
                continue
    return None


def mapped():
    """The shared objects that this process has loaded."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sorted({line.split()[-1] for line in lines if ".so" in line})


class LinkerLog:
    """What the dynamic linker says it looks for (LD_DEBUG=libs)."""

    def __init__(self):
        self.path = Path(f"{os.environ.get('LD_DEBUG_OUTPUT', '')}.{os.getpid()}")
        self.at = 0

    def rest(self):
        """What was said since the last call."""
        if not self.path.is_file():
            return ""
        with self.path.open(errors="replace") as file:
            file.seek(self.at)
            text = file.read()
            self.at = file.tell()
        return text


def load(name, stem, purpose, log):
    function = loader(name)
    if function is None:
        return None
    # A StatusOr<void*> comes back through a hidden pointer: the status, then dlopen's handle.
    result = (ctypes.c_void_p * 8)()
    function.restype, function.argtypes = None, [ctypes.c_void_p]
    log.rest()
    function(ctypes.cast(result, ctypes.c_void_p))
    asked = re.findall(r"find library=(\S+)", log.rest())
    problem = "" if result[1] else "not found: " + (asked[0] if asked else "what it needs")
    files = [path for path in mapped() if f"/{stem}.so" in path]
    return {"name": stem, "for": purpose, "file": "".join(files[:1]), "problem": problem}


def load_companions():
    """cuDNN is several libraries, of which it loads some when first needed."""
    for whole in [Path(path) for path in mapped() if "/libcudnn.so" in path]:
        for part in sorted(whole.parent.glob("libcudnn_*.so.*")):
            problem = ""
            try:
                ctypes.CDLL(str(part), mode=os.RTLD_NOW)
            except OSError as error:
                problem = str(error)
            yield {"name": part.name, "for": "", "file": str(part), "problem": problem}


def find_compiler():
    """XLA compiles for the GPU with ptxas and libdevice."""
    roots = [FOLDER.parent / "nvidia" / "cuda_nvcc", Path("/usr/local/cuda")]
    for name, place in (("ptxas", "bin/ptxas"), ("libdevice", "nvvm/libdevice/libdevice*.bc")):
        files = [str(path) for root in roots for path in root.glob(place)]
        problem = "" if files else "not found in nvidia/cuda_nvcc or /usr/local/cuda"
        if files and name == "ptxas":
            code = subprocess.run([files[0], "--version"], stdout=subprocess.PIPE).returncode
            problem = "" if code == 0 else f"ptxas --version ended with {code}"
        yield {"name": name, "for": "", "file": "".join(files[:1]), "problem": problem}


def main():
    log = LinkerLog()
    build = dict(tf.sysconfig.get_build_info()) if hasattr(tf.sysconfig, "get_build_info") else {}
    found = [one for one in (load(*library, log=log) for library in LIBRARIES) if one is not None]
    found += [*load_companions(), *find_compiler()]
    print(json.dumps({
        "tensorflow": tf.__version__,
        "is_cuda_build": bool(tf.test.is_built_with_cuda()),
        "cuda": str(build.get("cuda_version", "")),
        "cudnn": str(build.get("cudnn_version", "")),
        "libraries": found,
    }))  # fmt: skip
    sys.stdout.flush()
    os._exit(0)  # some of these libraries do not take leave well without a driver


main()
