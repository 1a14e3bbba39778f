"""What of this machine's settings reaches a build."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from runner.engines.docker import build_settings


def values(tmp_path: Path, **environ: str) -> dict[str, str]:
    """What a shell that reads the settings exports; HOME is empty, and so are pip's files there."""
    text = build_settings.settings({"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/x", **environ})
    done = subprocess.run(
        ["env", "-i", "/bin/sh", "-c", f"{text}\n/usr/bin/env -0"], capture_output=True, text=True
    )
    pairs = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    return {name: value for name, value in pairs.items() if name not in ("PWD", "_", "SHLVL")}


def test_nothing_set_is_no_secret(tmp_path: Path) -> None:
    assert build_settings.settings({"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/x"}) == ""
    assert build_settings.certificates({"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/x"}) is None


def test_proxies_arrive_whatever_they_hold(tmp_path: Path) -> None:
    hostile = "http://u:p'a$(touch x)`y`\"\\@proxy"
    assert values(tmp_path, HTTPS_PROXY=hostile, no_proxy="a,b") == {
        "HTTPS_PROXY": hostile,
        "no_proxy": "a,b",
    }


def test_an_index_is_for_uv_and_pip_alike(tmp_path: Path) -> None:
    both = {"UV_DEFAULT_INDEX": "https://i/simple", "PIP_INDEX_URL": "https://i/simple"}
    assert values(tmp_path, PIP_INDEX_URL="https://i/simple") == both
    assert values(tmp_path, UV_INDEX_URL="https://i/simple") == both
    named = values(tmp_path, UV_DEFAULT_INDEX="mine=https://i/simple")
    assert named == {**both, "UV_DEFAULT_INDEX": "mine=https://i/simple"}


def test_folders_of_this_machine_stay_here(tmp_path: Path) -> None:
    found = values(
        tmp_path,
        UV_INDEX="file:///a https://b/simple mine=file:///c",
        UV_FIND_LINKS="/wheels,https://d/wheels",
        PIP_INDEX_URL="file:///e",
        UV_CACHE_DIR="/cache",
    )
    assert found == {"UV_INDEX": "https://b/simple", "UV_FIND_LINKS": "https://d/wheels"}


def test_pips_files_count_as_pip_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://a/simple\ntimeout = 7\n[install]\ntimeout = 9\n")
    found = values(tmp_path, PIP_CONFIG_FILE=str(file), PIP_INDEX_URL="https://b/simple")
    assert found["UV_DEFAULT_INDEX"] == "https://b/simple"
    assert found["PIP_DEFAULT_TIMEOUT"] == found["UV_HTTP_TIMEOUT"] == "9"


def test_a_broken_file_of_pips_is_pips_affair(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_bytes(b"\xff\xfe[[[")
    assert values(tmp_path, PIP_CONFIG_FILE=str(file)) == {}


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"])
def test_certificates(tmp_path: Path, name: str) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    environ = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/x", name: str(bundle)}
    assert build_settings.certificates(environ) == bundle.read_text()
    assert f"SSL_CERT_FILE={shlex.quote('/run/secrets/ca')}" in build_settings.settings(environ)


def test_a_large_bundle_loses_its_comments(tmp_path: Path) -> None:
    one = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
    bundle = tmp_path / "ca.pem"
    bundle.write_text(("# comment\n" * 60_000) + one + "# more\n" + one)
    found = build_settings.certificates({"SSL_CERT_FILE": str(bundle)})
    assert found is not None
    assert found.count("BEGIN") == 2
    assert "#" not in found
