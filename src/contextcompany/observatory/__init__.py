"""The Observatory: receives runs by OTLP/HTTP and keeps them in one file. Comes with `contextcompany[observatory]`."""

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "serve"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextcompany.observatory.server import DEFAULT_HOST, DEFAULT_PORT, serve


def __getattr__(name: str) -> object:
    # Commands that only read the file need neither the server nor what it is made of: 100 ms and two packages.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from contextcompany.observatory import server  # noqa: PLC0415 - see above

    return getattr(server, name)
