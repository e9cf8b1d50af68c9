"""Bodies without their content encoding: any pieces, any format, no bombs."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contextcompany.observatory.inflate import MAX_MEMBERS, InflateError, Inflater

FUZZED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def bare(data):
    """Deflate without zlib's header, as some clients send it."""
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


ENCODE = {
    "identity": ("identity", lambda data: data),
    "gzip": ("gzip", gzip.compress),
    "two gzip files": ("gzip", lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:])),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare),
}


def inflate(encoding, body, limit, size=64 * 2**10):
    """What comes of it in pieces of that size, as the receiver asks for it."""
    inflater = Inflater(encoding)
    made = b""
    for at in range(0, len(body), size):
        made += inflater.feed(body[at : at + size], limit - len(made))
        if len(made) > limit:
            return "too large"
    inflater.finish()
    return made


@pytest.mark.parametrize("name", ENCODE)
@FUZZED
@given(data=st.binary(max_size=2000), size=st.sampled_from([1, 2, 3, 7, 1000]))
def test_what_was_encoded_comes_back(name, data, size):
    """However it is cut into pieces."""
    encoding, encode = ENCODE[name]

    assert inflate(encoding, encode(data), len(data), size) == data


@pytest.mark.parametrize("name", ENCODE)
@FUZZED
@given(data=st.binary(min_size=1, max_size=2000), size=st.sampled_from([1, 7, 1000]))
def test_one_byte_too_many_is_seen(name, data, size):
    """The limit is exact."""
    encoding, encode = ENCODE[name]

    assert inflate(encoding, encode(data), len(data) - 1, size) == "too large"


@pytest.mark.parametrize("name", [name for name in ENCODE if name != "identity"])
@FUZZED
@given(data=st.binary(max_size=500), cut=st.integers(0, 10_000))
def test_a_body_that_was_cut_off_is_refused(name, data, cut):
    """At whatever byte, unless it is just between two gzip files."""
    encoding, encode = ENCODE[name]
    body = encode(data)
    cut %= len(body)
    if name == "two gzip files" and cut == len(gzip.compress(data[:3])):
        return

    with pytest.raises(InflateError):
        inflate(encoding, body[:cut], 10_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@FUZZED
@given(body=st.binary(max_size=200))
def test_any_bytes_are_inflated_or_refused(encoding, body):
    """Nothing else comes of them."""
    said = ""
    try:
        inflate(encoding, body, 1000)
    except InflateError as error:
        said = str(error)

    assert said == "" or said.startswith((f"The body is not {encoding}", f"The {encoding} body"))


@pytest.mark.parametrize("name", ["gzip", "deflate", "bare deflate"])
def test_a_bomb_is_refused_while_it_is_inflated(name):
    """A gigabyte out of a megabyte never is in memory."""
    encoding, encode = ENCODE[name]
    bomb = encode(bytes(256 * 2**20))
    tracemalloc.start()
    try:
        assert inflate(encoding, bomb, 2**20) == "too large"
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_very_many_empty_gzip_files_are_refused():
    """They make nothing and take time."""
    with pytest.raises(InflateError, match="goes on after its end"):
        inflate("gzip", gzip.compress(b"") * (MAX_MEMBERS + 1), 1000)


def test_what_follows_deflate_is_refused():
    """There is one only."""
    with pytest.raises(InflateError, match="goes on after its end"):
        inflate("deflate", zlib.compress(b"a") + b"more", 1000)
