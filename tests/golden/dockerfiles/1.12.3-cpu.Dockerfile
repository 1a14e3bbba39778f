# TensorFlow 1.12.3 on cpu, Python 3.6
#
# released  2019-06-21
# packages  tensorflow==1.12.3, and what they need, as of 2019-07-21
# quirk     Its dependencies absl-py and gast come as sdists, whose build needs setuptools 40.8,
#           which is newer than 1.12.0.: setuptools is resolved as of the last release for Python
#           3.6.
#
# Build it beside its requirements.txt and its sources/ (`tfmatrix render --sources` writes both), and run a script in it:
#   DOCKER_BUILDKIT=1 docker build --tag tensorflow:1.12.3-cpu .
#   docker run --rm --init --network none --volume "$PWD:/repro:ro" tensorflow:1.12.3-cpu python /repro/SCRIPT
# Proxies and indexes: a file of `export NAME='value'` lines for uv and pip, as --secret id=settings,src=FILE
# Certificates: --secret id=ca,src=BUNDLE, and SSL_CERT_FILE and PIP_CERT set to /run/secrets/ca there.

FROM python:3.10-slim-bookworm AS uv
RUN --mount=type=secret,id=settings --mount=type=secret,id=ca \
    if [ -s /run/secrets/settings ]; then . /run/secrets/settings; fi && \
    echo 'uv==0.13.9 --hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19' > /tmp/uv.txt && \
    pip install --quiet --no-cache-dir --no-deps --require-hashes --target /uv --requirement /tmp/uv.txt
# Compiles modules; what another image has compiled comes from a cache. It saves time only, so nothing fails for want of it.
RUN printf '%s\n' \
        '"""Compiles the modules in FOLDER. What another image has compiled comes from STORE.' \
        '' \
        '    python3 bytecode.py FOLDER [STORE]' \
        '' \
        'Neighbouring releases share most of their modules, word for word. A file of STORE is named after' \
        'the digest of the text of a module, and begins with the digest of the bytecode that follows. Python' \
        'takes bytecode as that of a module by the time and size of the module, so a copy gets those of its' \
        'own module.' \
        '"""' \
        '' \
        'import compileall' \
        'import hashlib' \
        'import importlib.util' \
        'import struct' \
        'import sys' \
        'from concurrent.futures import ProcessPoolExecutor' \
        'from contextlib import suppress' \
        'from itertools import repeat' \
        'from pathlib import Path' \
        '' \
        'HEADER = 12 if sys.version_info < (3, 7) else 16' \
        'DIGEST = 32' \
        'COMPILER = f"{sys.implementation.cache_tag}-{sys.hexversion:x}-{sys.flags.optimize}"' \
        '' \
        '' \
        'def give_bytecode(module, store):' \
        '    made, facts = Path(importlib.util.cache_from_source(str(module))), module.stat()' \
        '    stamp = struct.pack("<II", int(facts.st_mtime) & 0xFFFFFFFF, facts.st_size & 0xFFFFFFFF)' \
        '    header = (importlib.util.MAGIC_NUMBER + bytes(4))[: HEADER - len(stamp)] + stamp' \
        '    if made.exists() and made.open("rb").read(HEADER) == header:' \
        '        return' \
        '    kept = store / hashlib.sha256(module.read_bytes()).hexdigest() if store else None' \
        '    known = kept.read_bytes() if kept and kept.exists() else b""' \
        '    if known and known[:DIGEST] == hashlib.sha256(known[DIGEST:]).digest():' \
        '        made.parent.mkdir(parents=True, exist_ok=True)' \
        '        made.write_bytes(header + known[DIGEST:])' \
        '    elif compileall.compile_file(str(module), force=True, quiet=2) and kept:' \
        '        code = made.read_bytes()[HEADER:]' \
        '        kept.write_bytes(hashlib.sha256(code).digest() + code)' \
        '' \
        '' \
        'def give_if_possible(module, store):' \
        '    with suppress(OSError):  # such as a name that is too long with the ending of bytecode' \
        '        give_bytecode(module, store)' \
        '' \
        '' \
        'if __name__ == "__main__":' \
        '    folder, store = Path(sys.argv[1]), None' \
        '    if sys.argv[2:]:' \
        '        store = Path(sys.argv[2], COMPILER)' \
        '        store.mkdir(parents=True, exist_ok=True)' \
        '    modules = [path for path in folder.rglob("*.py") if path.is_file()]' \
        '    with ProcessPoolExecutor() as pool:' \
        '        list(pool.map(give_if_possible, modules, repeat(store), chunksize=32))' \
        > /uv/bytecode.py

FROM uv AS lock
RUN --mount=type=bind,source=requirements.txt,target=/mnt/requirements.txt \
    sed -n '/^tensorflow[=\[]/,/[^\\]$/p' /mnt/requirements.txt > /tensorflow-1.12.3.txt && \
    sed '/^\(absl-py\|gast\|termcolor\)==/,/[^\\]$/d' /mnt/requirements.txt > /wheels-1.12.3.txt

# The standard library's bytecode (some files are meant not to compile), and a user who owns nothing:
# one layer for all images of this Python.
FROM python:3.6-slim-bullseye AS python
RUN { python3 -m compileall -q -j 0 /usr/local/lib/python3.6 > /dev/null || true; } && \
    echo 'tfmatrix:x:65532:65532::/tmp:/usr/sbin/nologin' >> /etc/passwd && \
    echo 'tfmatrix:x:65532:' >> /etc/group

FROM python AS wheels

# TensorFlow alone: one layer for all environments of this release. Being used once, its wheel is not cached.
RUN --mount=type=bind,from=uv,source=/uv,target=/opt/uv \
    --mount=type=bind,from=lock,source=/tensorflow-1.12.3.txt,target=/mnt/tensorflow-1.12.3.txt \
    --mount=type=cache,id=tfmatrix-bytecode,target=/root/.cache/bytecode \
    --mount=type=secret,id=settings --mount=type=secret,id=ca \
    if [ -s /run/secrets/settings ]; then . /run/secrets/settings; fi && \
    /opt/uv/bin/uv pip install --system --no-cache --no-deps --require-hashes \
        --requirement /mnt/tensorflow-1.12.3.txt && \
    { python3 /opt/uv/bytecode.py /usr/local/lib/python3.6 /root/.cache/bytecode || true; }

# What it needs, from a cache that all images share.
RUN --mount=type=bind,from=uv,source=/uv,target=/opt/uv \
    --mount=type=bind,from=lock,source=/wheels-1.12.3.txt,target=/mnt/wheels-1.12.3.txt \
    --mount=type=cache,id=tfmatrix-uv,target=/root/.cache/uv \
    --mount=type=cache,id=tfmatrix-bytecode,target=/root/.cache/bytecode \
    --mount=type=secret,id=settings --mount=type=secret,id=ca \
    if [ -s /run/secrets/settings ]; then . /run/secrets/settings; fi && \
    /opt/uv/bin/uv pip install --system --link-mode copy --no-deps --require-hashes \
        --requirement /mnt/wheels-1.12.3.txt && \
    { python3 /opt/uv/bytecode.py /usr/local/lib/python3.6 /root/.cache/bytecode || true; }

# What has no wheels. Building it runs its code: in a stage of its own, where there is no network, no
# secret and no cache, on files whose hashes are those of the lock.
FROM wheels AS built
RUN --network=none \
    --mount=type=bind,source=sources,target=/mnt/sources \
    cd /mnt/sources && \
    printf '%s  %s\n' \
        b943d1c567743ed0455878fcd60bc28ac9fae38d129d1ccfad58079da00b8951 absl-py-0.7.1.tar.gz \
        fe939df4583692f0512161ec1c880e0a10e71e6a232da045ab8edd3756fbadf0 gast-0.2.2.tar.gz \
        1d6d69ce66211143803fbc56652b41d73b4a400a2891d7bf7a1cdf4c02de613b termcolor-1.1.0.tar.gz \
        | sha256sum --check --strict && \
    python3 -m pip wheel --quiet --disable-pip-version-check --no-cache-dir --no-index --no-deps \
        --no-build-isolation --wheel-dir /built ./absl-py-0.7.1.tar.gz ./gast-0.2.2.tar.gz ./termcolor-1.1.0.tar.gz

FROM wheels
RUN --mount=type=bind,from=uv,source=/uv,target=/opt/uv \
    --mount=type=bind,from=built,source=/built,target=/mnt/built \
    /opt/uv/bin/uv pip install --system --offline --no-cache --no-deps /mnt/built/*.whl && \
    { python3 /opt/uv/bytecode.py /usr/local/lib/python3.6 || true; }

LABEL tfmatrix.tensorflow="1.12.3" tfmatrix.device="cpu" tfmatrix.python="3.6"
ENV HOME=/tmp
WORKDIR /tmp
USER 65532:65532
