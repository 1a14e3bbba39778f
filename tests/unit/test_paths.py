"""Where the user's folders lie, and a user who has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import paths
from runner.errors import TfmatrixError


def _without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs as a user whom /etc/passwd does not name."""
    for name in ("HOME", "XDG_CACHE_HOME", "TFMATRIX_CACHE"):
        monkeypatch.delenv(name, raising=False)

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_the_usual_cache_is_in_the_users_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("XDG_CACHE_HOME", "TFMATRIX_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.cache() == tmp_path / ".cache" / "tfmatrix"
    assert paths.home() == tmp_path


def test_a_user_without_a_home_is_told_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_home(monkeypatch)
    with pytest.raises(TfmatrixError, match="no home folder") as raised:
        paths.cache()
    assert "TFMATRIX_CACHE" in str(raised.value)
    assert not paths.home().exists()


@pytest.mark.parametrize("named", ["/elsewhere/cache", "~/cache"])
def test_a_user_without_a_home_may_name_a_folder(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    _without_home(monkeypatch)
    monkeypatch.setenv("TFMATRIX_CACHE", named)
    assert paths.cache().is_absolute()
    assert named.startswith("~") or paths.cache() == Path(named)
