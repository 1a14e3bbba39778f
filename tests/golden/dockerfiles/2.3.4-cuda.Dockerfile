# TensorFlow 2.3.4 on cuda, Python 3.8
#
# released  2021-08-10
# CUDA      10.1 with cuDNN 7.6, from tensorflow/tensorflow:2.3.4-gpu
# packages  tensorflow==2.3.4, and what they need, as of 2021-09-09
#
# Build it beside its requirements.txt and its sources/ (`tfmatrix render --sources` writes both), and run a script in it:
#   DOCKER_BUILDKIT=1 docker build --tag tensorflow:2.3.4-cuda .
#   docker run --rm --network none --gpus all --volume "$PWD:/repro:ro" tensorflow:2.3.4-cuda python /repro/SCRIPT
# Proxies and indexes: a file of `export NAME='value'` lines for uv and pip, as --secret id=settings,src=FILE
# Certificates: --secret id=ca,src=BUNDLE, and SSL_CERT_FILE and PIP_CERT set to /run/secrets/ca there.

FROM python:3.10-slim-bookworm AS uv
RUN --mount=type=secret,id=settings --mount=type=secret,id=ca \
    if [ -s /run/secrets/settings ]; then . /run/secrets/settings; fi && \
    echo 'uv==0.13.9 --hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19' > /tmp/uv.txt && \
    pip install --quiet --no-cache-dir --no-deps --require-hashes --target /uv --requirement /tmp/uv.txt

FROM uv AS lock
RUN --mount=type=bind,source=requirements.txt,target=/mnt/requirements.txt \
    sed -n '/^tensorflow[=\[]/,/[^\\]$/p' /mnt/requirements.txt > /tensorflow-2.3.4.txt && \
    sed '/^\(termcolor\|wrapt\)==/,/[^\\]$/d' /mnt/requirements.txt > /wheels-2.3.4.txt

# The standard library's bytecode (some files are meant not to compile), and a user who owns nothing:
# one layer for all images of this Python.
FROM python:3.8-slim-bookworm AS python
RUN { python3 -m compileall -q -j 0 /usr/local/lib/python3.8 > /dev/null || true; } && \
    echo 'tfmatrix:x:65532:65532::/tmp:/usr/sbin/nologin' >> /etc/passwd && \
    echo 'tfmatrix:x:65532:' >> /etc/group

# CUDA and cuDNN as that image holds them. Its Python and its TensorFlow stay behind, so that the
# device is all that differs from the CPU environment; and apt, which fails in such images since
# NVIDIA changed its signing key, is not called.
FROM tensorflow/tensorflow:2.3.4-gpu AS cuda
FROM python AS wheels
RUN --mount=type=bind,from=cuda,target=/mnt \
    cp -a /mnt/usr/local/cuda-* /usr/local/ && \
    ln -sfn cuda-10.1 /usr/local/cuda && \
    mkdir -p /usr/local/cuda/lib64 && \
    find /mnt/usr/lib/x86_64-linux-gnu -maxdepth 1 \
        \( -name 'libcu[bd]*.so.*' -o -name 'libn[cv]*.so.*' -o -name 'libmyelin*.so.*' \) \
        -exec cp -a -t /usr/local/cuda/lib64 {} + && \
    ls /usr/local/cuda/lib64/libcudart.so.* /usr/local/cuda/lib64/libcudnn.so.*
ENV LD_LIBRARY_PATH=/usr/local/cuda/lib64:/usr/local/cuda/extras/CUPTI/lib64

# TensorFlow alone: one layer for all environments of this release. Being used once, its wheel is not cached.
RUN --mount=type=bind,from=uv,source=/uv,target=/opt/uv \
    --mount=type=bind,from=lock,source=/tensorflow-2.3.4.txt,target=/mnt/tensorflow-2.3.4.txt \
    --mount=type=secret,id=settings --mount=type=secret,id=ca \
    if [ -s /run/secrets/settings ]; then . /run/secrets/settings; fi && \
    /opt/uv/bin/uv pip install --system --no-cache --no-deps --require-hashes \
        --requirement /mnt/tensorflow-2.3.4.txt && \
    { python3 -m compileall -q -j 0 /usr/local/lib/python3.8 > /dev/null || true; }

# What it needs, from a cache that all images share.
RUN --mount=type=bind,from=uv,source=/uv,target=/opt/uv \
    --mount=type=bind,from=lock,source=/wheels-2.3.4.txt,target=/mnt/wheels-2.3.4.txt \
    --mount=type=cache,id=tfmatrix-uv,target=/root/.cache/uv \
    --mount=type=secret,id=settings --mount=type=secret,id=ca \
    if [ -s /run/secrets/settings ]; then . /run/secrets/settings; fi && \
    /opt/uv/bin/uv pip install --system --link-mode copy --no-deps --require-hashes \
        --requirement /mnt/wheels-2.3.4.txt && \
    { python3 -m compileall -q -j 0 /usr/local/lib/python3.8 > /dev/null || true; }

# What has no wheels. Building it runs its code: in a stage of its own, where there is no network, no
# secret and no cache, on files whose hashes are those of the lock.
FROM wheels AS built
RUN --network=none \
    --mount=type=bind,source=sources,target=/mnt/sources \
    cd /mnt/sources && \
    printf '%s  %s\n' \
        1d6d69ce66211143803fbc56652b41d73b4a400a2891d7bf7a1cdf4c02de613b termcolor-1.1.0.tar.gz \
        b62ffa81fb85f4332a4f609cab4ac40709470da05643a082ec1eb88e6d9b97d7 wrapt-1.12.1.tar.gz \
        | sha256sum --check --strict && \
    python3 -m pip wheel --quiet --disable-pip-version-check --no-cache-dir --no-index --no-deps \
        --no-build-isolation --wheel-dir /built ./termcolor-1.1.0.tar.gz ./wrapt-1.12.1.tar.gz

FROM wheels
RUN --mount=type=bind,from=uv,source=/uv,target=/opt/uv \
    --mount=type=bind,from=built,source=/built,target=/mnt/built \
    /opt/uv/bin/uv pip install --system --offline --no-cache --no-deps /mnt/built/*.whl && \
    { python3 -m compileall -q -j 0 /usr/local/lib/python3.8 > /dev/null || true; }

LABEL tfmatrix.tensorflow="2.3.4" tfmatrix.device="cuda" tfmatrix.python="3.8"
ENV HOME=/tmp
WORKDIR /tmp
USER 65532:65532
