"""Real client libraries and their instrumentors, against a scripted LLM on loopback."""

import os

import pytest

import contextcompany as tcc
from contextcompany.testing import capture
from fake_llm import Answer, FakeLLM, Usage

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks GitHub when it is imported

USAGE = Usage(uncached=10, cached=4, output=5, reasoning=2)


@pytest.fixture(autouse=True)
def switched_off():
    """No test leaves an instrumentor on."""
    yield
    assert tcc.uninstrument() == []


@pytest.fixture
def llm():
    """Says `Hi!` for 14 tokens in, 4 of them cached, and 5 out, as often as it is asked."""
    with FakeLLM(lambda _: Answer("Hi!", usage=USAGE)) as started:
        yield started


@pytest.fixture
def captured():
    """What is recorded in the test."""
    with capture() as capturing:
        yield capturing


@pytest.fixture
def told():
    """Says what a step tells that does not depend on times and ids."""

    def tell(step):
        tokens = step.tokens
        return (
            step.provider,
            step.model_requested,
            step.prompt,
            step.response,
            step.finish_reason,
            (tokens.input, tokens.cached, tokens.output),
        )

    return tell
