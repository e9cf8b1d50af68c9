"""A store of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contextcompany.observatory.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store, whole when the test is over."""
    with Store.open(tmp_path / "observatory.db") as opened:
        yield opened
        assert opened.problems() == []
