"""Reads the wheels of a package from the configured index, and keeps them for use without a
network.

It uses the simple API (PEP 503 and 691), so any index will do. Some indexes do not state upload
dates and sizes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Optional

import requests
from attrs import asdict, evolve, field, frozen
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from pypi_simple import DistributionPackage, NoSuchProjectError, PyPISimple
from urllib3.util import Retry

from runner.errors import TfmatrixError
from runner.machine.bounds import BoundedAdapter, Bounds, TooMuchError
from runner.machine.files import write_atomic
from runner.releases.upstream import settings

_TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two pieces of an answer."""
_RETRY = Retry(
    total=3, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None
)


class IndexUnreachableError(TfmatrixError):
    """The package index does not answer, and no earlier answer is stored."""


@frozen(kw_only=True)
class Wheel:
    """One wheel for Linux on x86-64."""

    package: str
    version: str
    python: str
    """`3.10`."""
    uploaded: Optional[date] = None
    """The day of the upload (UTC), if the index states it."""
    size: Optional[int] = None
    yanked: Optional[str] = None
    """The reason why it was yanked; "" if no reason was given; None if it was not yanked."""
    url: str = field(default="", repr=False)
    """It may contain a password, so it is not stored."""
    metadata_url: Optional[str] = field(default=None, repr=False)


def allowance() -> Bounds:
    """The limits for requests of one command. The largest page has 20 MB; wheels are read in
    parts."""
    return Bounds(seconds=600.0, answers=3000, size=1 << 30)


def session(bounds: Bounds, certificates: Optional[Path] = None) -> requests.Session:
    """A session with the machine's certificates. It retries if that may help."""
    made = requests.Session()
    for scheme in ("https://", "http://"):
        made.mount(scheme, BoundedAdapter(bounds, max_retries=_RETRY))
    if certificates is not None:
        made.verify = str(certificates)
    return made


class Index:
    """The index at `address`. Its last answers are stored below `cache`."""

    def __init__(
        self,
        address: str,
        *,
        cache: Path,
        certificates: Optional[Path] = None,
        say: Callable[[str], None],
        bounds: Optional[Bounds] = None,
    ) -> None:
        self.shown = settings.shown_address(address)
        self.bounds = bounds or allowance()
        self.session = session(self.bounds, certificates)
        self._client = PyPISimple(address, session=self.session)
        self._folder = cache / hashlib.sha256(address.encode()).hexdigest()[:16]
        self._say = say

    def wheels(self, package: str, *, fresh: bool = False) -> tuple[Wheel, ...]:
        """The wheels of all versions of `package`; () if the index does not have it.

        If the index cannot be reached, its last answer, unless `fresh`. Raises
        `IndexUnreachableError`.
        """
        try:
            found = tuple(_wheels(package, self._packages(package)))
        except (requests.RequestException, OSError, ValueError) as error:
            return self._remembered(package, error, fresh)
        self._remember(package, found)
        return found

    def versions(self, package: str) -> tuple[str, ...]:
        """The versions of a pure Python package, in no order. Raises `IndexUnreachableError`."""
        try:
            found = {each.version for each in self._packages(package)}
        except (requests.RequestException, OSError, ValueError) as error:
            raise self._unreachable(error) from None
        return tuple(version for version in found if version)

    def files(self, package: str) -> tuple[DistributionPackage, ...]:
        """All files of `package` on the index. Raises `IndexUnreachableError`."""
        try:
            return tuple(self._packages(package))
        except (requests.RequestException, OSError, ValueError) as error:
            raise self._unreachable(error) from None

    def _packages(self, package: str) -> list[DistributionPackage]:
        def ask_index() -> list[DistributionPackage]:
            return self._client.get_project_page(package, timeout=_TIMEOUT).packages

        try:
            return self.bounds.within_the_deadline(ask_index)
        except NoSuchProjectError:
            return []

    def _remembered(self, package: str, error: Exception, fresh: bool) -> tuple[Wheel, ...]:
        try:
            kept = json.loads(self._path(package).read_text("utf-8"))
            wheels = tuple(_from_json(each) for each in kept["wheels"])
        except (OSError, ValueError, KeyError, TypeError):
            kept = None
        if kept is None or fresh:
            raise self._unreachable(error) from None
        self._say(f"the package index {self.shown} cannot be read; {package} is as of {kept['on']}")
        return wheels

    def _unreachable(self, error: Exception) -> IndexUnreachableError:
        return IndexUnreachableError(
            f"the package index {self.shown} cannot be read: {_gist(error)}",
            remedy="UV_DEFAULT_INDEX or PIP_INDEX_URL names another one, SSL_CERT_FILE the"
            " certificates to trust",
        )

    def _remember(self, package: str, wheels: tuple[Wheel, ...]) -> None:
        """Stores an answer at once; a failure does not matter."""
        text = json.dumps({"on": f"{date.today()}", "wheels": [_to_json(each) for each in wheels]})
        try:
            write_atomic(self._path(package), text, mode=0o600)
        except OSError as error:
            self._say(f"what the package index says of {package} was not kept: {error}")

    def _path(self, package: str) -> Path:
        return self._folder / f"{package}.json"


def configured_index(cache: Path, say: Callable[[str], None]) -> Index:
    """The index for which this machine's uv and pip are configured."""
    return Index(settings.address(), cache=cache, certificates=settings.certificates(), say=say)


def _wheels(package: str, found: list[DistributionPackage]) -> Iterator[Wheel]:
    for each in found:
        if each.package_type != "wheel":
            continue
        try:
            _, version, _, tags = parse_wheel_filename(each.filename)
        except InvalidWheelFilename:
            continue
        for tag in tags:
            python = _python(tag.interpreter, tag.abi, tag.platform)
            if python is not None:
                yield _wheel(package, f"{version}", python, each)
                break


def _wheel(package: str, version: str, python: str, each: DistributionPackage) -> Wheel:
    return Wheel(
        package=package,
        version=version,
        python=python,
        uploaded=each.upload_time.date() if each.upload_time else None,
        size=each.size,
        yanked=(each.yanked_reason or "") if each.is_yanked else None,
        url=each.url,
        metadata_url=each.metadata_url if each.has_metadata else None,
    )


def _python(interpreter: str, abi: str, platform: str) -> Optional[str]:
    """`3.10` for `cp310-cp310-manylinux…_x86_64`; None for Python 2 and for other machines."""
    minor = interpreter.removeprefix("cp3")
    if not (interpreter.startswith("cp3") and minor.isdigit()):
        return None
    if abi not in (interpreter, f"{interpreter}m", "abi3"):
        return None
    if not (platform.startswith("manylinux") and platform.endswith("_x86_64")):
        return None
    return f"3.{minor}"


def _to_json(wheel: Wheel) -> dict[str, Any]:
    plain = asdict(evolve(wheel, url="", metadata_url=None))
    return {**plain, "uploaded": wheel.uploaded.isoformat() if wheel.uploaded else None}


def _from_json(fields: dict[str, Any]) -> Wheel:
    uploaded = fields["uploaded"]
    return Wheel(**{**fields, "uploaded": date.fromisoformat(uploaded) if uploaded else None})


def _gist(error: Exception) -> str:
    """The cause in few words; requests wraps it several times, with the address."""
    if isinstance(error, TooMuchError):
        return str(error)
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return " ".join(f"{reason or type(error).__name__}".split())[:200]
