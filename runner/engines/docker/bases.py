"""Python base images without a registry: from Debian packages and an interpreter of this machine.

For daemons that cannot pull. The image gets the tag of the official image that it replaces, and
labels that tell the two apart.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional

from runner.engines.base import Phase
from runner.engines.docker import builder, daemon, names
from runner.errors import PrepareError, UsageError, refusal_of
from runner.machine import movable, processes, temporary

Say = Callable[[str], None]
_PACKAGES = "ca-certificates,netbase,tzdata"
"""What the official images of Python add to Debian's slim ones."""


def make_base(python: str, tag: str, say: Say, *, force: bool = False) -> bool:
    """Make the image `tag` with Python `python`. Returns False if it exists already, unless
    `force`.

    Raises `TfmatrixError`.
    """
    if daemon.find_image(tag) is not None and not force:
        return False
    interpreter = movable.find_movable(python)
    if interpreter is None:
        raise UsageError(
            f"no Python {python} was found here that could be copied into an image",
            remedy=f"uv python install {python} (3.8 and newer), or pyenv install {python}",
        )
    system = make_system(say)
    say(f"copying Python {interpreter.version} from {interpreter.prefix}")
    with tempfile.TemporaryDirectory(prefix="base-", dir=temporary.process_folder()) as folder:
        context = Path(folder)
        movable.copy_interpreter(interpreter, context / "python", context / "libraries")
        dockerfile = _DOCKERFILE.format(system=system, python=python)
        (context / "Dockerfile").write_text(dockerfile, "utf-8")
        made_from = {"tfmatrix.base": interpreter.version, "tfmatrix.system": system}
        builder.build(
            context,
            tag=tag,
            labels={names.OURS: "1", **made_from},
            progress=lambda phase: _tell(phase, say),
            network="none",
            what=f"the base image {tag}",
        )
    return True


def why_not(pythons: Sequence[str]) -> Optional[str]:
    """Why base images of `pythons` cannot be made on this machine; None where they can."""
    if daemon.find_image(f"tfmatrix-system:{_suite()[0]}") is None:
        if os.geteuid() != 0:
            return "making base images needs root (debootstrap)"
        if shutil.which("debootstrap") is None:
            return "debootstrap is missing"
    missing = [python for python in pythons if movable.find_movable(python) is None]
    return f"no Python {', '.join(missing)} is on this machine" if missing else None


def make_system(say: Say) -> str:
    """Make the image that all our bases share, with debootstrap, unless it exists. Returns its
    tag."""
    suite, mirror = _suite()
    tag = f"tfmatrix-system:{suite}"
    if daemon.find_image(tag) is not None:
        return tag
    if os.geteuid() != 0:
        raise PrepareError("making base images needs root (debootstrap)", remedy="use sudo")
    if shutil.which("debootstrap") is None:
        raise PrepareError("debootstrap is missing", remedy="apt-get install debootstrap")
    with tempfile.TemporaryDirectory(prefix="system-", dir=temporary.process_folder()) as folder:
        root, tarball = Path(folder) / "root", Path(folder) / "root.tar"
        _debootstrap(suite, mirror, root, say)
        say("taking out documentation and caches, as Debian's slim images do")
        try:
            remove_unneeded(root)
        except OSError as error:
            raise PrepareError(
                f"the packages of {suite} could not be made smaller: {refusal_of(error)}",
                remedy=f"docker pull debian:{suite}-slim && docker tag debian:{suite}-slim {tag}"
                ", and report this as a bug",
            ) from None
        say(f"importing {tag}")
        _tar(root, tarball)
        settings = [f"LABEL {names.OURS}=1", 'CMD ["/bin/sh"]']
        daemon.import_filesystem(tarball, tag, settings)
    return tag


# The last step is a check: an image that fails it is never tagged. It also checks what
# a Python needs here: pip installs uv, and some packages are built from source.
_DOCKERFILE = """\
FROM {system}
RUN --mount=type=bind,target=/mnt \\
    cp -a /mnt/python/. /usr/local/ && \\
    for library in /mnt/libraries/*; do \\
        ldconfig -p | grep -qF "$(basename "$library")" || cp "$library" /usr/local/lib/; \\
    done && \\
    ldconfig && \\
    ln -sf python{python} /usr/local/bin/python3 && ln -sf python3 /usr/local/bin/python && \\
    python3 -Bm ensurepip --default-pip > /dev/null && \\
    ln -sf pip{python} /usr/local/bin/pip && \\
    find /usr/local -name __pycache__ -prune -exec rm -r {{}} +
RUN cd / && python3 -Bm pip --version && python3 -Bc "\\
import bz2, ctypes, hashlib, lzma, multiprocessing, sqlite3, ssl, sys, uuid, zlib; \\
assert '.'.join(map(str, sys.version_info[:2])) == '{python}', sys.version; \\
assert sys.prefix == '/usr/local', sys.prefix; \\
ssl.create_default_context(); multiprocessing.Lock()"
ENV LANG=C.UTF-8
CMD ["python3"]
"""


def _tell(phase: Phase, say: Say) -> None:
    say(f"{phase.what} {phase.detail}")


def _suite() -> tuple[str, str]:
    """The suite and mirror of this machine's Debian or Ubuntu, so that libraries match; else
    Debian's."""
    try:
        lines = Path("/etc/os-release").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    release = dict(line.replace('"', "").split("=", 1) for line in lines if "=" in line)
    suite = release.get("VERSION_CODENAME", "")
    if release.get("ID") not in ("debian", "ubuntu") or not suite:
        return "bookworm", ""
    asked = _ask(["apt-get", "indextargets", "--format", "$(REPO_URI)", f"Codename: {suite}"])
    mirrors = [line for line in asked.splitlines() if line.startswith("http")]
    return suite, mirrors[0] if mirrors else ""


def _debootstrap(suite: str, mirror: str, root: Path, say: Say) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", suite, str(root)]
    log: list[str] = []
    told: set[str] = set()
    say(f"debootstrap of {suite}")
    for line in processes.stream([*command, *filter(None, [mirror])], env=_apt_environment()):
        log.append(line.rstrip())
        # One line for each step, not for each package: a failure would scroll out of sight.
        doing = re.search(r": (Retrieving|Validating|Extracting|Unpacking|Configuring)", line)
        if doing and doing[1] not in told:
            told.add(doing[1])
            say(f"debootstrap: {doing[1].lower()} packages")
    if log[-1] != "exit 0":
        raise PrepareError(
            f"debootstrap of {suite} failed: {log[-2] if len(log) > 1 else 'it said nothing'}",
            remedy="check that Debian's mirror can be reached (http_proxy, apt's sources)",
            log="\n".join(log[-100:]),
        )


def _apt_environment() -> dict[str, str]:
    """With apt's proxy if only apt has one: debootstrap downloads with wget."""
    environment = dict(os.environ)
    match = re.match(r"P='(.+)'", _ask(["apt-config", "shell", "P", "Acquire::http::Proxy"]))
    if match is not None:
        environment.setdefault("http_proxy", match[1])
    return environment


def _ask(command: list[str]) -> str:
    """The output of a command of apt; empty if there is no apt."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def remove_unneeded(root: Path) -> None:
    """Remove what Debian's own slim images leave out.

    No symbolic link is followed: through `doc/libstdc++6`, a link to `gcc-12-base`, files would be
    found twice, and an absolute link would lead out of `root`.
    """
    for name in (
        "var/cache/apt",
        "var/lib/apt/lists",
        "var/log",
        "usr/share/man",
        "usr/share/locale",
    ):
        for entry in _entries(root / name):
            _remove(entry)
    for package in _entries(root / "usr/share/doc"):
        for entry in _entries(package):
            if entry.name != "copyright":
                _remove(entry)


def _entries(folder: Path) -> list[Path]:
    """The content of a folder; nothing if it does not exist, or is a link or a file."""
    return list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def _tar(folder: Path, tarball: Path) -> None:
    command = ["tar", "--numeric-owner", "--one-file-system", "-cf", str(tarball), "."]
    done = processes.run(command, cwd=folder)
    if done.returncode != 0:
        raise PrepareError(f"tar failed: {done.stderr.strip()[-300:]}")
