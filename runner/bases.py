"""Python base images without a registry: from Debian packages and an interpreter of this machine.

For people whose daemon cannot pull. The result goes by the tag of the official image that it stands
in for, and carries labels that tell it apart.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from attrs import frozen

from runner import processes
from runner.engines import docker_build, docker_client
from runner.engines.base import Phase, Progress
from runner.errors import PrepareError, UsageError


@frozen(kw_only=True)
class Interpreter:
    """A Python that can be moved: everything it needs lies under `prefix`, or is a system library."""

    version: str
    executable: Path
    prefix: Path
    stdlib: Path
    include: Path


def make_base(
    python: str,
    tag: str,
    progress: Progress,
    *,
    interpreter: Optional[Interpreter] = None,
    force: bool = False,
) -> None:
    """Make `tag` with Python `python`; at once if it is there. Raises `TfmatrixError`.

    An image of that name which is not ours is left alone unless `force`.
    """
    present = docker_client.find_image(tag)
    if present is not None and not force:
        return
    chosen = interpreter or find_interpreter(python)
    if chosen is None:
        raise UsageError(
            f"no Python {python} was found here that could be copied into an image",
            remedy=f"uv python install {python} (3.8 and newer), or pyenv install {python}",
        )
    system = _debian(progress)
    progress(Phase(what="copying", detail=f"Python {chosen.version} from {chosen.prefix}"))
    with tempfile.TemporaryDirectory(prefix="tfmatrix-base-") as folder:
        context = Path(folder)
        _copy(chosen, context / "python", context / "libraries")
        (context / "Dockerfile").write_text(_DOCKERFILE.format(system=system, python=python))
        made_from = {"tfmatrix.base": chosen.version, "tfmatrix.system": system}
        docker_build.build(
            context,
            tag=tag,
            labels={docker_client.OURS: "1", **made_from},
            progress=progress,
            network="none",
            what=f"the base image {tag}",
        )


# The last step is the proof: an image that cannot do this is never tagged.
_DOCKERFILE = """\
FROM {system}
RUN --mount=type=bind,target=/mnt \\
    cp -a /mnt/python/. /usr/local/ && \\
    for library in /mnt/libraries/*; do \\
        ldconfig -p | grep -qF "$(basename "$library")" || cp "$library" /usr/local/lib/; \\
    done && \\
    ldconfig && \\
    ln -sf python{python} /usr/local/bin/python3 && ln -sf python3 /usr/local/bin/python && \\
    python3 -m ensurepip --default-pip > /dev/null && \\
    ln -sf pip{python} /usr/local/bin/pip && \\
    find /usr/local -name __pycache__ -prune -exec rm -r {{}} +
RUN cd / && pip --version && python3 -Bc "import bz2, ctypes, hashlib, lzma, multiprocessing, sqlite3, ssl, sys, \\
uuid, zlib; assert '.'.join(map(str, sys.version_info[:2])) == '{python}', sys.version; \\
assert sys.prefix == '/usr/local', sys.prefix; ssl.create_default_context(); multiprocessing.Lock()"
ENV LANG=C.UTF-8
CMD ["python3"]
"""


# -- the interpreter ------------------------------------------------------------------------------


def find_interpreter(python: str) -> Optional[Interpreter]:
    """A movable interpreter: of pyenv, uv, conda or PATH; the newest patch release first."""
    found = (_describe(path, python) for path in _candidates(python))
    return next((interpreter for interpreter in found if interpreter is not None), None)


def _candidates(python: str) -> Iterator[Path]:
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    uv = Path(
        os.environ.get("UV_PYTHON_INSTALL_DIR")
        or Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "uv/python"
    )
    conda = [home / name for name in ("miniconda3", "anaconda3", "miniforge3")]
    patterns = [
        (pyenv, f"{python}.*"),
        (uv, f"cpython-{python}.*"),
        *((root / "envs", "*") for root in conda),
        *((root.parent, root.name) for root in conda),
    ]
    for folder, pattern in patterns:
        for prefix in sorted(folder.glob(pattern), key=_patch, reverse=True):
            yield prefix / "bin" / f"python{python}"
    for entry in os.get_exec_path():
        yield Path(entry) / f"python{python}"


def _patch(prefix: Path) -> int:
    match = re.search(r"\d+\.\d+\.(\d+)", prefix.name)
    return int(match[1]) if match else -1


_QUESTION = """
import json, platform, sys, sysconfig
print(json.dumps({"version": platform.python_version(), "prefix": sys.base_prefix,
    "stdlib": sysconfig.get_path("stdlib"), "include": sysconfig.get_path("include"),
    "implementation": platform.python_implementation()}))
"""


def _describe(path: Path, python: str) -> Optional[Interpreter]:
    if not os.access(path, os.X_OK):
        return None
    answer = subprocess.run(
        [str(path), "-c", _QUESTION], capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        return None
    facts = json.loads(answer.stdout)
    prefix = Path(facts["prefix"]).resolve()
    # A distribution's own Python is spread over packages and patched: it cannot be moved.
    if facts["implementation"] != "CPython" or prefix == Path("/usr"):
        return None
    if not facts["version"].startswith(f"{python}."):
        return None
    return Interpreter(
        version=facts["version"],
        executable=(prefix / "bin" / f"python{python}").resolve(),
        prefix=prefix,
        stdlib=Path(facts["stdlib"]).resolve(),
        include=Path(facts["include"]).resolve(),
    )


_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo",
    "EXTERNALLY-MANAGED", "*.a", "_tkinter*", "_test*.so", "_ctypes_test*", "lib2to3_tests",
)  # fmt: skip


def _copy(interpreter: Interpreter, target: Path, libraries: Path) -> None:
    """Lay out `interpreter` as it will lie in /usr/local, and beside it the libraries it loads."""
    python = ".".join(interpreter.version.split(".")[:2])
    relative = interpreter.stdlib.relative_to(interpreter.prefix)
    shutil.copytree(interpreter.stdlib, target / relative, symlinks=True, ignore=_LEFT_OUT)
    (target / relative / "site-packages").mkdir(exist_ok=True)
    if interpreter.include.is_dir():
        where = interpreter.include.relative_to(interpreter.prefix)
        shutil.copytree(interpreter.include, target / where, symlinks=True)
    (target / "bin").mkdir()
    shutil.copy2(interpreter.executable, target / "bin" / f"python{python}")
    _move_settings(target / relative, str(interpreter.prefix))
    libraries.mkdir()
    for library in _libraries(interpreter):
        inside = interpreter.prefix in library.resolve().parents
        folder = target / "lib" if inside else libraries
        shutil.copy2(library, folder / library.name)


def _move_settings(stdlib: Path, prefix: str) -> None:
    """Build settings name the place where the interpreter was built: say where it lies now."""
    for file in (*stdlib.glob("_sysconfigdata*.py"), *stdlib.glob("config-*/Makefile")):
        text = file.read_text("utf-8", errors="surrogateescape")
        file.write_text(text.replace(prefix, "/usr/local"), "utf-8", errors="surrogateescape")


def _libraries(interpreter: Interpreter) -> list[Path]:
    """The shared libraries that the interpreter and its extension modules load, less glibc."""
    modules = [
        module
        for module in (interpreter.stdlib / "lib-dynload").glob("*.so")
        if not re.match(r"_tkinter|_test|_ctypes_test", module.name)
    ]
    answer = subprocess.run(
        ["ldd", str(interpreter.executable), *map(str, modules)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.findall(r"^\s+\S+ => (/\S+)", answer.stdout, re.MULTILINE)
    glibc = re.compile(r"(ld-linux|libc|libm|libdl|libpthread|librt|libutil|libresolv)[-.]")
    return sorted({Path(path) for path in found if not glibc.match(Path(path).name)})


# -- the system under it --------------------------------------------------------------------------


def _debian(progress: Progress) -> str:
    """The image that all our bases share; made by debootstrap when it is not there."""
    suite, mirror = _suite()
    tag = f"tfmatrix-system:{suite}"
    if docker_client.find_image(tag) is not None:
        return tag
    if os.geteuid() != 0:
        raise PrepareError("making base images needs root (debootstrap)", remedy="use sudo")
    if shutil.which("debootstrap") is None:
        raise PrepareError("debootstrap is missing", remedy="apt-get install debootstrap")
    with tempfile.TemporaryDirectory(prefix="tfmatrix-system-") as folder:
        root, tarball = Path(folder) / "root", Path(folder) / "root.tar"
        _debootstrap(suite, mirror, root, progress)
        _slim(root)
        progress(Phase(what="importing", detail=tag))
        _run(
            [
                "tar",
                "--numeric-owner",
                "--one-file-system",
                "-C",
                str(root),
                "-cf",
                str(tarball),
                ".",
            ]
        )
        docker_client.import_filesystem(
            tarball, tag, [f"LABEL {docker_client.OURS}=1", 'CMD ["/bin/sh"]']
        )
    return tag


def _suite() -> tuple[str, str]:
    """This machine's Debian or Ubuntu suite and its mirror, so that libraries match; else Debian's."""
    try:
        lines = Path("/etc/os-release").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    release = dict(line.replace('"', "").split("=", 1) for line in lines if "=" in line)
    suite = release.get("VERSION_CODENAME", "")
    if release.get("ID") not in ("debian", "ubuntu") or not suite:
        return "bookworm", ""
    targets = ["apt-get", "indextargets", "--format", "$(REPO_URI)", f"Codename: {suite}"]
    try:
        answer = subprocess.run(targets, capture_output=True, text=True, check=False)
    except OSError:
        return suite, ""
    mirrors = [line for line in answer.stdout.splitlines() if line.startswith("http")]
    return suite, mirrors[0] if mirrors else ""


def _debootstrap(suite: str, mirror: str, root: Path, progress: Progress) -> None:
    command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", suite, str(root)]
    log: list[str] = []
    for line in processes.stream([*command, *filter(None, [mirror])], env=_apt_environment()):
        log.append(line.rstrip())
        progress(Phase(what="debootstrap", detail=line.partition(": ")[2].strip()[:80]))
    if log[-1] != "exit 0":
        raise PrepareError(
            f"debootstrap of {suite} failed: {log[-2] if len(log) > 1 else 'no output'}",
            remedy="check that Debian's mirror can be reached (http_proxy, apt's sources)",
            log="\n".join(log[-100:]),
        )


def _apt_environment() -> dict[str, str]:
    """The environment, with apt's proxy where apt alone was told of one: debootstrap fetches by wget."""
    environment = dict(os.environ)
    if "http_proxy" not in environment and shutil.which("apt-config"):
        asked = subprocess.run(
            ["apt-config", "shell", "P", "Acquire::http::Proxy"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        match = re.match(r"P='(.+)'", asked.stdout)
        if match:
            environment["http_proxy"] = match[1]
    return environment


def _slim(root: Path) -> None:
    """What Debian's own slim images leave out."""
    for folder in ("var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/man",
                   "usr/share/locale", "usr/share/info", "usr/share/groff"):  # fmt: skip
        for entry in (root / folder).glob("*"):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    for entry in (root / "usr/share/doc").glob("*/*"):
        if entry.name != "copyright":
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _run(command: list[str]) -> None:
    done = processes.run(command)
    if done.returncode != 0:
        raise PrepareError(f"{command[0]} failed: {done.stderr.strip()[-300:]}")


def main() -> None:
    """`python -m runner.bases --python 3.10 …`: see `--help`."""
    import argparse

    from runner.render import base_image, default_pythons

    parser = argparse.ArgumentParser(prog="python -m runner.bases", description=__doc__)
    parser.add_argument("--python", action="append", help="default: all that releases need")
    parser.add_argument("--force", action="store_true", help="replace images of the same tag")
    chosen = parser.parse_args()
    for python in chosen.python or default_pythons():
        tag = base_image(python)
        make_base(
            python, tag, lambda p: print(p.what, p.detail, file=sys.stderr), force=chosen.force
        )
        print(tag)


if __name__ == "__main__":
    main()
