"""Whether a script asks if files are there whose names it makes while it runs."""

from __future__ import annotations

import pytest

from runner.cells.snapshot.sources import find_mentions

NAMED = (
    "os.path.exists('a')",
    "os.path.exists(f'{HERE}/a')",
    "name = 'a'\nos.path.isfile(name)",
    "(HERE / 'data' / 'a').exists()",
    "path = HERE / 'a'\npath.is_file()",
    "Path(__file__).parent.exists()",
    "os.path.exists(os.path.join(tempfile.mkdtemp(), 'a'))",
    "open(f'part_{n}.txt')",
    "os.path.exists(f'/data/part_{n}.txt')",
    "flag = pathlib.Path('/data', name + '.flag')\nflag.exists()",
    "name = sys.argv[1]\nos.path.exists(name)",
)
MADE = (
    "os.path.exists(f'{HERE}/part_{n}.txt')",
    "os.path.exists('part_%d.txt' % n)",
    "def there(name): return os.path.exists(name)",
    "name = 'a'\nname = name + 'b'\nos.path.isfile(name)",
    "(HERE / f'part_{n}').exists()",
    "Path(name).is_dir()",
    "tf.io.gfile.exists(prefix + '.index')",
    "importlib.util.find_spec('part_' + str(n))",
    "print 'python 2'\nos.path.exists(name)",
)


@pytest.mark.parametrize("text", NAMED)
def test_a_name_in_the_text_is_known_before(text: str) -> None:
    assert not find_mentions(text.encode()).looks


@pytest.mark.parametrize("text", MADE)
def test_a_name_that_is_made_is_not(text: str) -> None:
    assert find_mentions(text.encode()).looks
