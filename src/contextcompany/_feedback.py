"""Feedback: what a person or a program thought of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contextcompany import _configure, _diagnostics, _mapping
from contextcompany._content import as_float, as_text
from contextcompany._data import Evaluation
from contextcompany._recording import place_in_run
from contextcompany.exceptions import ConfigurationError, IncompleteError

if TYPE_CHECKING:
    from typing import Literal

    from contextcompany._recording import Place

__all__ = ["submit_feedback"]

MAX_TEXT = 2000
"""The longest feedback text, in characters: the limit of the original API."""

_SCORES = {"thumbs_up": 1.0, "thumbs_down": 0.0}
_USER_FEEDBACK = "user_feedback"


def submit_feedback(
    run_id: str,
    score: Literal["thumbs_up", "thumbs_down"] | None = None,
    text: str | None = None,
    api_key: str | None = None,
    tcc_url: str | None = None,
    *,
    name: str | None = None,
    value: float | None = None,
    run: Place | None = None,
) -> bool:
    """Record what somebody thought of a run: an event in the run's trace, from any process, before or after its end.

    Args:
        run_id: The run it is about.
        score: `thumbs_up` or `thumbs_down`; with a `name` of your own, any word.
        text: Up to 2,000 characters.
        api_key: Sends it with this key; by default with the run's, when the run is open here.
        tcc_url: Sends it to this URL; likewise.
        name: What was judged, as `helpfulness`; by default `user_feedback`.
        value: A score as a number; by default 1 for thumbs up, 0 for thumbs down.
        run: The run itself, which `Run.feedback` passes.

    Returns:
        Whether it was accepted for delivery. Nothing is sent on this thread.

    Raises:
        IncompleteError: (a `ValueError`) neither score, text nor value is given, the text is too long, or the score is
            not one of the two.
        ConfigurationError: (a `ValueError`) `api_key` or `tcc_url` is wrong.
    """
    if run is None and not as_text(run_id):
        raise IncompleteError("Feedback needs the `run_id` of the run that it is about.")
    label, explanation, judged = (as_text(each) or None for each in (score, text, name))
    if label is None and explanation is None and value is None:
        raise IncompleteError("Feedback needs at least one of `score`, `text` and `value`.")
    if explanation and len(explanation) > MAX_TEXT:
        raise IncompleteError(f"Feedback `text` may have {MAX_TEXT:,} characters, got {len(explanation):,}.")
    if label and judged is None and label not in _SCORES:
        raise IncompleteError(f"Feedback `score` must be 'thumbs_up' or 'thumbs_down', got {label[:100]!r}.")
    number = as_float(value)
    if number is None and value is not None:
        _diagnostics.refuse("feedback(value)", "a finite number", value)
    evaluation = Evaluation(
        name=judged or _USER_FEEDBACK,
        label=label,
        value=_SCORES.get(label or "") if value is None else number,
        explanation=explanation,
    )
    try:
        pipeline = _configure.pipeline()
        where, context, _ = place_in_run(pipeline, as_text(run_id), run, api_key, tcc_url)
        return pipeline.emit(
            _mapping.EVALUATION_EVENT,
            _mapping.evaluation_attributes(where.scope.run_id, evaluation),
            context,
            where.destination,
        )
    except ConfigurationError:
        raise
    except Exception:  # noqa: BLE001 - the one place where feedback fails towards the user
        _diagnostics.internal_error("recording feedback")
        return False
