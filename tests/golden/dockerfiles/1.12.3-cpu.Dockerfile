# TensorFlow 1.12.3 on cpu, Python 3.6
#
# released  2019-06-21
# packages  tensorflow==1.12.3, and what they need, as of 2019-07-21
# quirk     Its dependencies absl-py and gast come as sdists, whose build needs setuptools 40.8,
#           which is newer than 1.12.0.: setuptools is resolved as of the last release for Python
#           3.6.
#
# Build it beside its requirements.txt, and run a script in it:
#   DOCKER_BUILDKIT=1 docker build --tag tensorflow:1.12.3-cpu .
#   docker run --rm --network none --volume "$PWD:/repro:ro" tensorflow:1.12.3-cpu python /repro/SCRIPT
# Proxies and indexes: a file of `export NAME='value'` lines for uv and pip, as --secret id=settings,src=FILE
# Certificates: --secret id=ca,src=BUNDLE, and SSL_CERT_FILE and PIP_CERT set to /run/secrets/ca there.

FROM python:3.10-slim-bookworm AS uv
RUN --mount=type=secret,id=settings --mount=type=secret,id=ca \
    if [ -s /run/secrets/settings ]; then . /run/secrets/settings; fi && \
    echo 'uv==0.13.9 --hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19' > /tmp/uv.txt && \
    pip install --quiet --no-cache-dir --no-deps --require-hashes --target /uv --requirement /tmp/uv.txt

FROM uv AS lock
RUN --mount=type=bind,source=requirements.txt,target=/mnt/requirements.txt \
    sed -n '/^tensorflow[=\[]/,/[^\\]$/p' /mnt/requirements.txt > /tensorflow-1.12.3.txt

# The standard library's bytecode (some files are meant not to compile), and a user who owns nothing:
# one layer for all images of this Python.
FROM python:3.6-slim-bullseye AS python
RUN { python3 -m compileall -q -j 0 /usr/local/lib/python3.6 > /dev/null || true; } && \
    echo 'tfmatrix:x:65532:65532::/tmp:/usr/sbin/nologin' >> /etc/passwd && \
    echo 'tfmatrix:x:65532:' >> /etc/group

FROM python

# TensorFlow alone: one layer for all environments of this release. Being used once, its wheel is not cached.
RUN --mount=type=bind,from=uv,source=/uv,target=/opt/uv \
    --mount=type=bind,from=lock,source=/tensorflow-1.12.3.txt,target=/mnt/tensorflow-1.12.3.txt \
    --mount=type=secret,id=settings --mount=type=secret,id=ca \
    if [ -s /run/secrets/settings ]; then . /run/secrets/settings; fi && \
    /opt/uv/bin/uv pip install --system --no-cache --no-deps --require-hashes \
        --requirement /mnt/tensorflow-1.12.3.txt && \
    { python3 -m compileall -q -j 0 /usr/local/lib/python3.6 > /dev/null || true; }

# What it needs, from a cache that all images share.
RUN --mount=type=bind,from=uv,source=/uv,target=/opt/uv \
    --mount=type=bind,source=requirements.txt,target=/mnt/requirements.txt \
    --mount=type=cache,id=tfmatrix-uv,target=/root/.cache/uv \
    --mount=type=secret,id=settings --mount=type=secret,id=ca \
    if [ -s /run/secrets/settings ]; then . /run/secrets/settings; fi && \
    /opt/uv/bin/uv pip install --system --link-mode copy --no-deps --require-hashes \
        --requirement /mnt/requirements.txt && \
    { python3 -m compileall -q -j 0 /usr/local/lib/python3.6 > /dev/null || true; }

LABEL tfmatrix.tensorflow="1.12.3" tfmatrix.device="cpu" tfmatrix.python="3.6"
ENV HOME=/tmp
WORKDIR /tmp
USER 65532:65532
