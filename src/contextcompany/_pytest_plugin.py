"""The pytest fixture `tcc_capture`: what a test records, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany.testing import Capture

__all__ = ["tcc_capture"]


@pytest.fixture
def tcc_capture() -> Iterator[Capture]:
    """The runs of this test, in memory; nothing is sent. See `contextcompany.testing.capture`."""
    from contextcompany.testing import capture  # noqa: PLC0415 - pytest loads this module in every test run there is

    with capture() as captured:
        yield captured
