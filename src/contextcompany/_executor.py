"""An executor whose tasks run inside the run and span that are current where they are submitted."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from contextcompany._propagation import propagate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

__all__ = ["PropagatingExecutor"]

P = ParamSpec("P")
R = TypeVar("R")


class PropagatingExecutor(Executor):
    """Runs tasks on another executor, each inside the run and span that were current when it was submitted.

    For `loop.run_in_executor()` too; `loop.set_default_executor()` takes nothing but a `ThreadPoolExecutor`.

    Args:
        executor: A `ThreadPoolExecutor`, `ProcessPoolExecutor` or any other. `shutdown()`, and the end of a `with`
            block, shut it down.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """As the executor's own. See `propagate` for what goes along to another process."""
        return self._executor.submit(propagate(fn), *args, **kwargs)

    def map(self, fn: Callable[..., R], *iterables: Iterable[Any], **options: Any) -> Iterator[R]:
        """As the executor's own, with its own options."""
        return self._executor.map(propagate(fn), *iterables, **options)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Shut the executor down."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures)

    def __repr__(self) -> str:
        return f"<PropagatingExecutor of {self._executor!r}>"
