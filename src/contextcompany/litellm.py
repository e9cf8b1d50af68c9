"""LiteLLM: a callback that records every call as a step.

    import litellm
    from contextcompany.litellm import TCCCallback

    litellm.callbacks = [TCCCallback()]

LiteLLM calls back after the call, often on another thread: `TCCCallback` notes at the start where the call belongs.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind, StatusCode

from contextcompany import _configure, _diagnostics, _mapping, _messages
from contextcompany._content import as_int, as_text
from contextcompany._context import Resumed
from contextcompany._data import ERROR, Model, Status, StepData, Tokens
from contextcompany._recording import place_for_child

try:
    from litellm.integrations.custom_logger import CustomLogger
except ImportError as error:
    raise ImportError("LiteLLM is not installed: `pip install 'contextcompany[litellm]'` brings it.") from error

if TYPE_CHECKING:
    from datetime import datetime

    from opentelemetry.context import Context

__all__ = ["TCCCallback"]

_MAX_OPEN = 10_000
"""Calls whose end is waited for; LiteLLM never tells of the end of a stream that nobody reads on."""


class TCCCallback(CustomLogger):
    """Records each call as a step of the run it is made in, or of the one named by `metadata={"tcc.runId": …}`.

    Args:
        api_key: As in `configure()`.
        endpoint: `url` as in `configure()`.
        service_name: As in `configure()`.
    """

    def __init__(
        self, api_key: str | None = None, endpoint: str | None = None, service_name: str | None = None
    ) -> None:
        super().__init__()
        if (api_key, endpoint, service_name) != (None, None, None):
            _configure.configure(api_key=api_key, url=endpoint, service_name=service_name)
        from contextcompany import _foreign  # noqa: PLC0415 - imports the OpenTelemetry SDK

        provider = _foreign.FollowingProvider(_configure.pipeline)  # type: ignore[arg-type]  # each has what it takes
        self._tracer = provider.get_tracer(__name__)
        self._contexts: OrderedDict[object, Context] = OrderedDict()

    def log_pre_api_call(self, model: str, messages: list[Any], kwargs: dict[str, Any]) -> None:  # noqa: ARG002 - LiteLLM's
        """A call starts."""
        self._contexts.setdefault(kwargs.get("litellm_call_id"), get_current())
        if len(self._contexts) > _MAX_OPEN:
            self._contexts.popitem(last=False)

    def log_success_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: datetime, end_time: datetime
    ) -> None:
        """A call ended well."""
        self._ended(kwargs, response_obj, start_time, end_time)

    def log_failure_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: datetime, end_time: datetime
    ) -> None:
        """A call failed."""
        self._ended(kwargs, response_obj, start_time, end_time)

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: datetime, end_time: datetime
    ) -> None:
        """A call ended well."""
        self._ended(kwargs, response_obj, start_time, end_time)

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: datetime, end_time: datetime
    ) -> None:
        """A call failed."""
        self._ended(kwargs, response_obj, start_time, end_time)

    def _ended(self, kwargs: dict[str, Any], answer: object, start_time: datetime, end_time: datetime) -> None:
        try:
            context = self._contexts.pop(kwargs.get("litellm_call_id"), None) or get_current()
            with Resumed(context):
                self._record(_said(kwargs, answer), _run_id(kwargs), _ns(start_time), _ns(end_time))
        except Exception:  # noqa: BLE001 - the caller is LiteLLM at work
            _diagnostics.internal_error("recording a call of LiteLLM")

    def _record(self, said: StepData, run_id: str | None, start_ns: int, end_ns: int) -> None:
        pipeline = _configure.pipeline()
        said.step_id = pipeline.new_id()
        context = get_current()
        if run_id is not None:
            _, context, _ = place_for_child(pipeline, run_id, None, None, None)
        span = self._tracer.start_span(
            _mapping.step_name(said),
            context,
            SpanKind.CLIENT,
            _mapping.step_start_attributes({}, said),
            start_time=start_ns,
        )
        span.set_attributes(_mapping.decoded(_mapping.step_attributes(said)))
        if said.status.code == ERROR:
            span.set_status(StatusCode.ERROR, said.status.message)
        else:
            span.set_status(StatusCode.OK)
        span.end(end_ns)


def _said(kwargs: dict[str, Any], answer: Any) -> StepData:
    said = StepData(
        model=Model(as_text(kwargs.get("model")) or None, getattr(answer, "model", None)),
        provider=kwargs.get("custom_llm_provider"),
        response_id=getattr(answer, "id", None),
        parameters=_parameters(kwargs),
        tokens=_tokens(getattr(answer, "usage", None)),
    )
    if kwargs.get("messages") is not None:
        said.prompt = _messages.prompt(kwargs["messages"])
    if answer is not None:
        said.response = _messages.response(answer)
    error = kwargs.get("exception")
    if isinstance(error, BaseException):
        said.error_type = _mapping.exception_type(error)
        said.status = Status(ERROR, as_text(error) or None)
    if tools := (kwargs.get("optional_params") or {}).get("tools"):
        said.tool_definitions = _messages.tool_definitions(tools)
    return said


def _tokens(usage: Any) -> Tokens:
    came, went = (as_int(getattr(usage, name, None)) for name in ("prompt_tokens", "completion_tokens"))
    if not came and not went:
        return Tokens()  # LiteLLM says 0 for a stream that told no usage
    of_input, of_output = (
        getattr(usage, name, None) for name in ("prompt_tokens_details", "completion_tokens_details")
    )
    return Tokens.of_totals(
        came,
        as_int(getattr(of_input, "cached_tokens", None)),
        as_int(getattr(of_input, "cache_creation_tokens", None)),
        went,
        as_int(getattr(of_output, "reasoning_tokens", None)),
    )


def _parameters(kwargs: dict[str, Any]) -> dict[str, object]:
    told = {_NAMES.get(name, name): value for name, value in (kwargs.get("optional_params") or {}).items()}
    return {name: value for name, value in told.items() if name in _mapping.PARAMETERS and value is not None}


_NAMES = {
    "n": "choice_count",
    "stop": "stop_sequences",
    "max_completion_tokens": "max_tokens",
    "reasoning_effort": "reasoning_level",
}
"""Request parameters that LiteLLM calls otherwise than `Step.parameters`."""


def _run_id(kwargs: dict[str, Any]) -> str | None:
    metadata = (kwargs.get("litellm_params") or {}).get("metadata") or {}
    return as_text(metadata.get(_mapping.RUN_ID)) or None


def _ns(when: datetime) -> int:
    return int(when.timestamp() * 1e9)
