"""Compiles the modules in FOLDER. What another image has compiled comes from STORE.

    python3 bytecode.py FOLDER [STORE]

Neighbouring releases share most of their modules, word for word. A file of STORE is named after
the digest of the text of a module, and begins with the digest of the bytecode that follows. Python
takes bytecode as that of a module by the time and size of the module, so a copy gets those of its
own module.
"""

import compileall
import hashlib
import importlib.util
import struct
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from itertools import repeat
from pathlib import Path

HEADER = 12 if sys.version_info < (3, 7) else 16
DIGEST = 32
COMPILER = f"{sys.implementation.cache_tag}-{sys.hexversion:x}-{sys.flags.optimize}"


def give_bytecode(module, store):
    made, facts = Path(importlib.util.cache_from_source(str(module))), module.stat()
    stamp = struct.pack("<II", int(facts.st_mtime) & 0xFFFFFFFF, facts.st_size & 0xFFFFFFFF)
    header = (importlib.util.MAGIC_NUMBER + bytes(4))[: HEADER - len(stamp)] + stamp
    if made.exists() and made.open("rb").read(HEADER) == header:
        return
    kept = store / hashlib.sha256(module.read_bytes()).hexdigest() if store else None
    known = kept.read_bytes() if kept and kept.exists() else b""
    if known and known[:DIGEST] == hashlib.sha256(known[DIGEST:]).digest():
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(header + known[DIGEST:])
    elif compileall.compile_file(str(module), force=True, quiet=2) and kept:
        code = made.read_bytes()[HEADER:]
        kept.write_bytes(hashlib.sha256(code).digest() + code)


def give_if_possible(module, store):
    with suppress(OSError):  # such as a name that is too long with the ending of bytecode
        give_bytecode(module, store)


if __name__ == "__main__":
    folder, store = Path(sys.argv[1]), None
    if sys.argv[2:]:
        store = Path(sys.argv[2], COMPILER)
        store.mkdir(parents=True, exist_ok=True)
    modules = [path for path in folder.rglob("*.py") if path.is_file()]
    with ProcessPoolExecutor() as pool:
        list(pool.map(give_if_possible, modules, repeat(store), chunksize=32))
