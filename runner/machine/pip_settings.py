"""Reads pip's settings on this machine from its configuration files and PIP_… variables."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from runner import paths


def read_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """pip's settings by their long names (`index-url`), with pip's order of precedence."""
    return {**file_settings(environ), **_environment(environ)}


def file_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings in pip's configuration files. The most specific file wins, as in pip."""
    home = paths.expanded(environ.get("HOME", "~"))
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    places = [Path("/etc/pip.conf"), home / ".pip/pip.conf", config / "pip/pip.conf"]
    if environ.get("PIP_CONFIG_FILE"):
        places = [Path(environ["PIP_CONFIG_FILE"])]
    found: dict[str, str] = {}
    for section in ("global", "install"):
        for path in places:
            parser = configparser.RawConfigParser(strict=False)
            try:
                parser.read(path, "utf-8")
            except (configparser.Error, UnicodeDecodeError, OSError):
                continue
            if parser.has_section(section):
                found.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    return found


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name[4:].lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("PIP_") and value
    }
