"""Has TensorFlow load every CUDA library that it loads on a machine with a GPU; prints what came.

Runs inside a CUDA image, where no GPU is needed: these are the very functions (DsoLoader) through
which TensorFlow finds its libraries, so its own search path and version numbers are what is tried.
The last line is JSON. Standard library and TensorFlow; Python 3.6 to 3.13.
"""

import ctypes
import glob
import json
import os
import subprocess
import sys

import tensorflow as tf

# Name in TensorFlow, whether TensorFlow can go without. The driver's library comes with the driver.
LIBRARIES = [
    ("CudaRuntime", False),
    ("Cublas", False),
    ("CublasLt", False),
    ("Cufft", False),
    ("Curand", False),
    ("Cusolver", False),
    ("Cusparse", False),
    ("Cudnn", False),
    ("Cupti", False),
    ("Nccl", False),
    ("NvInfer", True),
    ("CudaDriver", True),
]
NAMESPACES = ("3tsl8internal", "15stream_executor8internal")
FOLDER = os.path.dirname(tf.__file__)
HOLDERS = ("libtensorflow_cc.so.*", "python/_pywrap_tensorflow_internal.so",
           "libtensorflow_framework.so.*")  # fmt: skip


def holders():
    """TensorFlow's own shared objects as they are loaded now: dlopen searches as its caller may."""
    for pattern in HOLDERS:
        for path in glob.glob(os.path.join(FOLDER, pattern)):
            yield ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)


def loader(name):
    """The exported function that loads this library; None where this release has none."""
    function = "Get%sDsoHandle" % name
    for holder in holders():
        for namespace in NAMESPACES:
            try:
                return holder["_ZN%s9DsoLoader%d%sEv" % (namespace, len(function), function)]
            except AttributeError:
                continue
    return None


def mapped():
    with open("/proc/self/maps") as file:
        return {line.split()[-1] for line in file if ".so" in line}


def said_while(call):
    """What `call` makes TensorFlow write to stderr."""
    reading, writing = os.pipe()
    saved = os.dup(2)
    os.dup2(writing, 2)
    try:
        call()
    finally:
        os.dup2(saved, 2)
        os.close(writing)
    with os.fdopen(reading, errors="replace") as pipe:
        return pipe.read()


def load(name, optional):
    function = loader(name)
    if function is None:
        return None
    # A StatusOr<void*> comes back through a hidden pointer: the status, then dlopen's handle.
    result = (ctypes.c_void_p * 8)()
    function.restype, function.argtypes = None, [ctypes.c_void_p]
    before = mapped()
    said = said_while(lambda: function(ctypes.cast(result, ctypes.c_void_p)))
    new = sorted(mapped() - before)
    failed = [line for line in said.splitlines() if "Could not load dynamic library" in line]
    problem = failed[0].partition("] ")[2] if failed else ""
    if not failed and not result[1]:
        problem = "TensorFlow has no handle of it"
    return {"name": name, "optional": optional, "files": new, "problem": problem}


def load_companions():
    """cuDNN is several libraries, of which it loads some when first needed."""
    for path in sorted(path for path in mapped() if "/libcudnn.so" in path):
        for part in sorted(glob.glob(os.path.join(os.path.dirname(path), "libcudnn_*.so.*"))):
            if os.path.islink(part):
                continue
            problem = ""
            try:
                ctypes.CDLL(part, mode=os.RTLD_NOW)
            except OSError as error:
                problem = str(error)
            name = os.path.basename(part)
            yield {"name": name, "optional": False, "files": [part], "problem": problem}


def find_compiler():
    """XLA compiles for the GPU with ptxas and libdevice."""
    roots = glob.glob(os.path.join(os.path.dirname(FOLDER), "nvidia", "cuda_nvcc"))
    roots += ["/usr/local/cuda"]
    for name, place in (("ptxas", "bin/ptxas"), ("libdevice", "nvvm/libdevice/libdevice*.bc")):
        files = [path for root in roots for path in glob.glob(os.path.join(root, place))]
        problem = "" if files else "not found below " + " or ".join(roots)
        if files and name == "ptxas":
            run = subprocess.run([files[0], "--version"], stdout=subprocess.PIPE)
            problem = "" if run.returncode == 0 else "ptxas --version ended with %d" % run.returncode
        yield {"name": name, "optional": True, "files": files[:1], "problem": problem}


def main():
    build = dict(tf.sysconfig.get_build_info()) if hasattr(tf.sysconfig, "get_build_info") else {}
    found = [one for one in (load(*library) for library in LIBRARIES) if one is not None]
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
