"""The last request that brought something and was refused, for who wonders where their runs are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from contextcompany.observatory.contexts import Refused

if TYPE_CHECKING:
    from starlette.types import Scope

__all__ = ["Refusals"]


class Refusals:
    """Remembers one. For one event loop."""

    def __init__(self) -> None:
        self.last: Refused | None = None

    def note(self, scope: Scope, status: int, message: str) -> None:
        """A request was refused; what asks only is not remembered."""
        if scope["method"] == "POST":
            self.last = Refused(time.time_ns(), scope["path"], status, message)
