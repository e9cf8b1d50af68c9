"""What the steps of an agent share: the input, their results, a state, and the runs before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["AgentContext"]


@dataclass
class AgentContext:
    """What the steps of a run share. A run begins with a new input and no results; state and history stay."""

    state: dict[str, Any] = field(default_factory=dict)
    """Anything; the model that chooses tools is shown it. `last_tool_decisions` is what it chose last."""
    last_results: dict[str, Any] = field(default_factory=dict)
    """Results by the name of their step."""
    current_input: Any = None
    """What the next step gets."""
    original_input: Any = None
    """What the run was given."""
    conversation_history: list[dict[str, Any]] = field(default_factory=list)
    """The runs before, the newest last: `input`, `results` and `timestamp` of each."""
    max_history_size: int = 10
    """So many of them are kept."""

    @property
    def last_output(self) -> Any:
        """The newest result; None before there is one."""
        return next(reversed(self.last_results.values()), None)

    def set_input(self, input_data: Any) -> None:
        """Begin anew with an input; what was there becomes history."""
        if self.last_results:
            now = datetime.now().astimezone().isoformat(timespec="seconds")
            self.conversation_history.append(
                {"input": self.original_input, "results": {**self.last_results}, "timestamp": now}
            )
            self.set_max_history_size(self.max_history_size)
        self.current_input = self.original_input = input_data
        self.last_results.clear()

    def get_step_result(self, step_name: str) -> Any:
        """The result of a step of this run; None when there is none."""
        return self.last_results.get(step_name)

    def set_step_result(self, step_name: str, result: Any) -> None:
        """Keep a result, as the newest."""
        self.last_results.pop(step_name, None)
        self.last_results[step_name] = result

    def set_max_history_size(self, size: int) -> None:
        """Keep so many runs.

        Raises:
            ValueError: it is negative.
        """
        if size < 0:
            raise ValueError(f"The history cannot hold {size} runs.")
        self.max_history_size = size
        del self.conversation_history[: max(0, len(self.conversation_history) - size)]

    def get_recent_history(self, n: int | None = None, raw: bool = False) -> str | list[dict[str, Any]]:
        """The newest `n` runs before this one, by default all that are kept: as text for a prompt, or as they are."""
        history = self.conversation_history[-n:] if n else self.conversation_history
        if raw:
            return history
        return "\n\n".join(map(_told, history)) or "No previous interactions."

    def clear(self) -> None:
        """Forget all but the history."""
        self.state.clear()
        self.last_results.clear()
        self.current_input = self.original_input = None

    def clear_all(self) -> None:
        """Forget all."""
        self.clear()
        self.conversation_history.clear()


def _told(interaction: dict[str, Any]) -> str:
    results = "\n".join(f"- {name}: {result}" for name, result in interaction["results"].items())
    return f"Input: {interaction['input']}\nResults:\n{results}"
