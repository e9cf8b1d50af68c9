"""The inference context of `opentelemetry.util.genai`: what an instrumented client says goes into the step around it.

A client whose instrumentation finds an `InferenceData` in its context makes no span of its own, and merges what it
knows into that object when the call ends. Imported only when somebody else has imported `opentelemetry.util.genai`.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry.context import set_value
from opentelemetry.util.genai.invocation import CLIENT_INFERENCE_CONTEXT_KEY, InferenceData
from opentelemetry.util.genai.utils import gen_ai_json_dumps

from contextcompany import _diagnostics, _messages
from contextcompany._data import Call, Model, StepData, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from contextcompany._context import Taker

__all__ = ["offered", "withheld"]


def offered(taker: Taker, now: Callable[[], int], context: Context) -> Context:
    """`context`, in which an instrumented call tells `taker` what it knows."""
    return set_value(CLIENT_INFERENCE_CONTEXT_KEY, _Offer(taker, now), context)


def withheld(context: Context) -> Context:
    """`context`, in which an instrumented call makes its own span again."""
    return set_value(CLIENT_INFERENCE_CONTEXT_KEY, None, context)


class _Offer(InferenceData):
    """Passes on each call by itself, where the library would let the later one overwrite the earlier."""

    def __init__(self, taker: Taker, now: Callable[[], int]) -> None:
        self._taker = taker
        self._now = now
        # Per task and thread: calls at the same time do not know of each other.
        self._starts: ContextVar[tuple[int, ...]] = ContextVar("contextcompany-call-starts", default=())
        super().__init__()

    @property
    def capture_content(self) -> bool:
        # The library asks this once, when a call starts: nothing else tells when that was.
        self._starts.set((*self._starts.get(), self._now()))
        return True

    @capture_content.setter
    def capture_content(self, _: bool) -> None:
        """The dataclass sets its default."""

    def merge(self, other: InferenceData, *, overwrite: bool = True) -> None:  # noqa: ARG002 - the library's interface
        try:
            end_ns = self._now()
            # Of calls in each other, as those of a framework and its client, the inner one ends first.
            *outer, start_ns = self._starts.get() or (end_ns,)
            self._starts.set(tuple(outer))
            self._taker.record(Call(_said(other), start_ns, end_ns))
        except Exception:  # noqa: BLE001 - the caller is a client library at work
            _diagnostics.internal_error("reading an instrumented call")


def _said(data: Any) -> StepData:
    reasons = data.response_finish_reasons
    said = StepData(
        model=Model(data.request_model, data.response_model),
        provider=data.provider_name,
        response_id=data.response_id,
        finish_reason=reasons[0] if reasons else None,
        error_type=data.error_type,
        tokens=Tokens.of_totals(
            data.usage_input_tokens,
            data.usage_cache_read_input_tokens,
            data.usage_cache_write_input_tokens,
            data.usage_output_tokens,
            data.usage_reasoning_output_tokens,
        ),
        parameters=_known(data, _PARAMETERS),
        time_to_first_chunk=data.response_time_to_first_chunk,
        told_by_client=_known(data, _FACTS),
    )
    if data.input_messages or data.system_instructions:
        said.prompt = _messages.prompt(_json(data.input_messages), _json(data.system_instructions))
    if data.output_messages:
        said.response = _messages.response(_json(data.output_messages))
    if data.tool_definitions:
        said.tool_definitions = _messages.tool_definitions(_json(data.tool_definitions))
    return said


def _json(messages: object) -> str | None:
    return gen_ai_json_dumps(messages) if messages else None


def _known(data: Any, names: dict[str, str]) -> dict[str, object]:
    found = {ours: getattr(data, theirs, None) for ours, theirs in names.items()}
    return {ours: value for ours, value in found.items() if value is not None}


_PARAMETERS = {
    "temperature": "request_temperature",
    "top_p": "request_top_p",
    "max_tokens": "request_max_tokens",
    "frequency_penalty": "request_frequency_penalty",
    "presence_penalty": "request_presence_penalty",
    "seed": "request_seed",
    "choice_count": "request_choice_count",
    "stop_sequences": "request_stop_sequences",
    "stream": "request_stream",
    "output_type": "output_type",
    "reasoning_level": "request_reasoning_level",
    "previous_response_id": "request_previous_response_id",
}
"""Parameters of `Step.parameters` and where the library has them."""

_FACTS = {
    "top_k": "request_top_k",
    "server_address": "server_address",
    "server_port": "server_port",
}
"""Names of `_mapping.CLIENT_FACTS` and where the library has them."""
