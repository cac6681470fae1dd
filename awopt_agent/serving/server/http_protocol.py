"""uvicorn's HTTP, with a limit on how long a request's head may take.

uvicorn waits for ever for the first request of a connection, and for the rest
of a head that has begun; and its limit counts such connections.
"""

import asyncio

from uvicorn.protocols.http import httptools_impl

__all__ = ['punctual']


def punctual(limit_s: float) -> type[asyncio.Protocol]:
  """Returns a protocol that closes connections whose heads do not come.

  Args:
    limit_s: Seconds for the first head from the connection's start, and for
      each later one from its first byte.
  """

  class Punctual(httptools_impl.HttpToolsProtocol):
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport):
      super().connection_made(transport)
      self._expect_head()

    def on_message_begin(self):
      self._expect_head()
      super().on_message_begin()

    def on_headers_complete(self):
      self._expect_nothing()
      super().on_headers_complete()

    def connection_lost(self, exc):
      self._expect_nothing()
      super().connection_lost(exc)

    def _expect_head(self):
      self._expect_nothing()
      self._late = self.loop.call_later(limit_s, self.transport.close)

    def _expect_nothing(self):
      if self._late is not None:
        self._late.cancel()
        self._late = None

  return Punctual
