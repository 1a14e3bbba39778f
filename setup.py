"""What pyproject.toml cannot say.

- docker/ of the checkout is installed as `runner/data`. The folder must not become a package in the
  checkout: it would hide the Docker SDK, which is called `docker` too.
- On a package index README's relative links lead nowhere, so there they name the repository.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

REPOSITORY = "https://github.com/tfmatrix/tfmatrix"
PICTURES = "https://raw.githubusercontent.com/tfmatrix/tfmatrix/main"


def readme() -> str:
    text = Path(__file__).with_name("README.md").read_text("utf-8")
    text = re.sub(r"(!\[[^]]*\]\()(?!https?:)", rf"\1{PICTURES}/", text)
    return re.sub(r"(?<!!)(\[[^]]*\]\()(?!https?:|#)", rf"\1{REPOSITORY}/blob/main/", text)


setup(
    long_description=readme(),
    long_description_content_type="text/markdown",
    packages=[*find_packages(include=["runner*"]), "runner.data", "runner.data.locks"],
    package_dir={"runner.data": "docker", "runner.data.locks": "docker/locks"},
    package_data={
        "": ["*.yaml", "*.css", "*.html", "*.js", "py.typed"],
        "runner.data": ["*.j2", "*.json", "*.py", "*.md"],
        "runner.data.locks": ["*.txt"],
    },
)
