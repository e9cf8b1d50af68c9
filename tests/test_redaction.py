"""Secrets in text that nobody meant to hold one."""

import time

import pytest

from contextcompany._redaction import REDACTED, without_secrets

LONG = "aB3" * 12


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgres://me:hunter2@db:5432/x", f"postgres://me:{REDACTED}@db:5432/x"),
        (f"Authorization: Bearer {LONG}", f"Authorization: Bearer {REDACTED}"),
        ("authorization: basic dXNlcjpwYXNz", f"authorization: basic {REDACTED}"),
        ("api_key=abc123, retry", f"api_key={REDACTED}, retry"),
        ('{"password": "p4ss", "user": "me"}', f'{{"password": "{REDACTED}", "user": "me"}}'),
        ("?access_token=abc&page=2", f"?access_token={REDACTED}&page=2"),
        ("OPENAI_API_KEY=abc", f"OPENAI_API_KEY={REDACTED}"),
        (f"invalid key sk-proj-{LONG}.", f"invalid key {REDACTED}."),
        (f"xoxb-{LONG} and ghp_{LONG}", f"{REDACTED} and {REDACTED}"),
        ("AKIAIOSFODNN7EXAMPLE is not authorized", f"{REDACTED} is not authorized"),
        (f"eyJhbGciOiJI.{LONG}.{LONG} expired", f"{REDACTED} expired"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nend", f"{REDACTED}\nend"),
    ],
)
def test_secrets_are_replaced(text, clean):
    """What looks like a secret is replaced, and the rest of the text stays."""
    assert without_secrets(text) == clean
    assert without_secrets(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The run did not end within 5 s.",
        "401 Unauthorized: invalid API key",
        "This model's maximum context length is 128000 tokens; however, you requested 130000 tokens",
        "KeyError: 'city'",
        "the secretary passed the basic test",
        "ask-me, risk-averse, task-1234",
        "https://example.com:8080/path?page=2",
    ],
)
def test_other_text_stays(text):
    """Messages that only speak of keys, tokens and passwords are not touched."""
    assert without_secrets(text) is text or without_secrets(text) == text


def test_long_text_takes_linear_time():
    """No pattern backtracks over a megabyte of near misses."""
    nearly = ("sk-", "eyJ-", "token-", "a" * 1000 + ":", "key ", "eyJ", "://a", "Bearer ", "-----BEGIN ", "password")
    before = time.monotonic()
    for near in nearly:
        without_secrets(near * (1_000_000 // len(near)))

    assert time.monotonic() - before < 20
