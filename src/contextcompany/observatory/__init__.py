"""The Observatory: receives runs by OTLP/HTTP and keeps them in one file. Comes with `contextcompany[observatory]`."""

from contextcompany.observatory.server import DEFAULT_HOST, DEFAULT_PORT, serve

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "serve"]
