"""Secrets, addresses, phone and card numbers in text, and what only looks like them."""

import time

import pytest

from contextcompany._detectors import DETECTORS
from contextcompany._redaction import REDACTED, is_secret, without_secrets

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
        ('{"password": "correct horse battery"}', f'{{"password": "{REDACTED}"}}'),
        (r"{\"password\": \"p4ss\", \"a\": 1}", rf"{{\"password\": \"{REDACTED}\", \"a\": 1}}"),
        ("postgres://me:p@ss@db/x", f"postgres://me:{REDACTED}@db/x"),
        ("https://0123456789abcdef0@sentry.example/1", f"https://{REDACTED}@sentry.example/1"),
        ("token: abc1, tokens = x9", f"token: {REDACTED}, tokens = {REDACTED}"),
        ("Authorization: Token abc", f"Authorization: Token {REDACTED}"),
        ("login --password hunter2 --user me", f"login --password {REDACTED} --user me"),
        ("hooks.slack.com/services/T0/B0/abcdefgh", f"hooks.slack.com/services/{REDACTED}"),
        (f"hf_{LONG} glpat-{LONG} gsk_{LONG} xai-{LONG}", " ".join([REDACTED] * 4)),
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
        "max_tokens=150, tokens: 20, 'total_tokens': 4096",
        "def fetch(token: str, password: None)",
        "a basic understanding of bearer responsibilities, Basic input/output",
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
    nearly += ('password="', "password=\\", "authorization: ", "a@", "a@b.", "1 ", "+1", "(0", "4111 ", "1" * 500 + " ")
    before = time.monotonic()
    for near in nearly:
        for detect in DETECTORS.values():
            detect(near * (1_000_000 // len(near)))

    assert time.monotonic() - before < 20


@pytest.mark.parametrize(
    "name", ["password", "OPENAI_API_KEY", "x-api-key", "client_secret", "Authorization", "tokens"]
)
def test_names_of_secrets(name):
    """What stands under such a key in JSON is a secret, whatever it looks like."""
    assert is_secret(name, "x1")
    assert not is_secret(name, "")
    assert not is_secret(name, True)
    assert is_secret(name, 123456) == is_secret(name, "123456") == (name != "tokens")


@pytest.mark.parametrize("name", ["", "name", "max_token_count", "tokenizer", "secretary", "keyboard", "key" * 100])
def test_other_names(name):
    """Most keys only remind of secrets."""
    assert not is_secret(name, "x1")


@pytest.mark.parametrize(
    ("detector", "text"),
    [
        ("emails", "ada@example.com"),
        ("emails", "ada.b+c@mail.example.co.uk"),
        ("emails", "müller@exämple.de"),
        ("emails", "ada%40example.com"),
        ("phones", "+49 30 901820"),
        ("phones", "+1 (415) 555-2671"),
        ("phones", "+14155552671"),
        ("phones", "(415) 555-2671"),
        ("phones", "415-555-2671"),
        ("phones", "415.555.2671"),
        ("phones", "(030) 901820"),
        ("phones", "030/901820"),
        ("cards", "4111111111111111"),
        ("cards", "4111 1111 1111 1111"),
        ("cards", "5500-0000-0000-0004"),
        ("cards", "378282246310005"),
        ("cards", "3782 822463 10005"),
        ("cards", "6011000990139424"),
    ],
)
def test_personal_data_is_replaced(detector, text):
    """It is found alone, in a sentence, in JSON, in a list, and by no other detector; a second time changes nothing."""
    marker = f"[REDACTED {detector[:-1]}]"
    for frame in ("{}", "Call {}, or {}.", '{{"a": "{}"}}', "{} {}", "<{}>", "is it {}?"):
        found = DETECTORS[detector](frame.format(text, text))
        assert found == frame.format(marker, marker)
        assert DETECTORS[detector](found) == found
    others = {name for name in DETECTORS if DETECTORS[name](text) != text}
    assert others == {detector}


@pytest.mark.parametrize(
    "text",
    [
        "1732098153 1732098153123 1732098153123456789",
        "2024-11-20T10:22:33.123456+01:00",
        "123e4567-e89b-12d3-a456-426614174000 00000000-0000-4000-8000-000000000001",
        "41111111-1111-4111-8111-411111111111",
        "4111111111111112 and 9111111111111111",
        "0.4111111111111111 txn_4111111111111111",
        "192.168.1.100:8080, 10.0.0.1, v1.2.3",
        "01/02/2024 12/31/2024 2024/11/20",
        "+1234567 +1.23456789 1e+10 2+2",
        "200 300 4000, 5551234567, 1-2-3",
        "@scope/pkg@1.2.3 x@y user@localhost @ada",
        "chatcmpl-9f2c8d1e call_8d1e 0192f0c1-2b3c-4d5e-8f90-a1b2c3d4e5f6",
        "0x4111111111111111 #4155552671",
        "978-3-16-148410-0",
    ],
)
def test_numbers_and_ids_stay(text):
    """Numbers, times, versions, addresses of machines and ids are no personal data."""
    assert [detect(text) for detect in DETECTORS.values()] == [text] * len(DETECTORS)
