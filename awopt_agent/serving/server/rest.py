"""TensorFlow Serving's REST protocol, as an ASGI application."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import orjson

from awopt_agent.serving.server import (
  json_tensors,
  messages,
  metrics,
  refusals,
)
from awopt_agent.serving.server import (
  service as service_lib,
)

__all__ = ['Application']

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_MODEL = r'/v1/models/([^/:]+)(?:/versions/(\d{1,18})|/labels/([^/:]+))?'
_ACTION_PATH = re.compile(rf'{_MODEL}:(classify|regress|predict)', re.I)
_MODEL_PATH = re.compile(rf'{_MODEL}(/metadata)?', re.I)
_JSON = b'application/json'
_TEXT = b'text/plain; charset=utf-8'
# Refusals after which a connection is closed, and not read to its end.
_CLOSING = ('too_large', 'draining', 'deadline', 'connections')
# How long a refused request's body is still taken in, and thrown away.
_LINGER_S = 2.0


class Application:
  """Answers HTTP requests; what ASGI servers call."""

  def __init__(self, service: service_lib.Service):
    """Binds the service."""
    self._service = service
    self._under_way = 0
    self._pages: dict[str, Callable[[], tuple[int, bytes, bytes]]] = {
      '/healthz': self._health,
      '/readyz': self._readiness,
      '/version': self._version,
      '/monitoring/prometheus/metrics': self._metrics,
    }

  async def __call__(
    self, scope: Mapping[str, Any], receive: Receive, send: Send
  ) -> None:
    """Answers one request."""
    if scope['type'] != 'http':
      return
    path, method = scope['path'], scope['method']
    page = self._pages.get(path)
    if page is not None and method in ('GET', 'HEAD'):
      await _send(send, *page())
      return
    incoming = _Incoming(receive)
    kind = 'predict' if _ACTION_PATH.fullmatch(path) else 'other'
    call = service_lib.Call(self._service.metrics, 'rest', kind)
    self._under_way += 1
    try:
      self._check_room()
      body = await self._answer(method, path, scope, incoming)
    except refusals.Refusal as refusal:
      call.end(refusal)
      await _send_refusal(send, refusal, incoming)
      return
    finally:
      self._under_way -= 1
    call.end()
    await _send(send, 200, _JSON, body)

  def _check_room(self) -> None:
    most = self._service.limits.connections
    if self._under_way > most:
      raise refusals.Refusal(
        'RESOURCE_EXHAUSTED',
        'connections',
        f'more than {most} requests are under way; send fewer at once, or '
        'raise --max_connections.',
        http_status=503,
      )

  async def _answer(
    self, method: str, path: str, scope: Mapping[str, Any], receive: Receive
  ) -> bytes:
    action = _ACTION_PATH.fullmatch(path) if method == 'POST' else None
    if action:
      spec = _spec(action)
      if action[4].lower() != 'predict':
        raise refusals.Refusal(
          'UNIMPLEMENTED',
          'unsupported',
          f'a policy has nothing to {action[4]}; use :predict.',
        )
      return await self._predict(spec, scope, receive)
    model = _MODEL_PATH.fullmatch(path) if method == 'GET' else None
    if model and model[4]:
      return orjson.dumps(
        messages.metadata_as_json(self._service, _spec(model))
      )
    if model:
      return orjson.dumps(messages.status_as_json(self._service, _spec(model)))
    known = path.lower().startswith('/v1/')
    raise refusals.Refusal(
      'INVALID_ARGUMENT' if known else 'NOT_FOUND',
      'unknown_path',
      f'Malformed request: {method} {path[:200]}; use '
      f'POST /v1/models/{self._service.name}:predict.',
    )

  async def _predict(
    self,
    spec: service_lib.ModelSpec,
    scope: Mapping[str, Any],
    receive: Receive,
  ) -> bytes:
    service = self._service
    service.admit()
    async with service.in_time():
      body = await _read(scope, receive, service.limits.request_bytes)
      served = service.find(spec)
      try:
        request = json_tensors.parse(body)
      except ValueError as error:
        raise refusals.Refusal(
          'INVALID_ARGUMENT', 'malformed', str(error)
        ) from error
      name, _ = service.signature(served, request.signature)
      outputs = await service.predict(
        served,
        name,
        lambda signature: json_tensors.decode_inputs(
          request, signature, service.limits.rows
        ),
      )
    return json_tensors.encode_outputs(outputs, request.form)

  def _health(self) -> tuple[int, bytes, bytes]:
    alive = self._service.is_alive
    return (200, _TEXT, b'ok\n') if alive else (503, _TEXT, b'stuck\n')

  def _readiness(self) -> tuple[int, bytes, bytes]:
    ready = self._service.is_ready
    return (200, _TEXT, b'ready\n') if ready else (503, _TEXT, b'draining\n')

  def _version(self) -> tuple[int, bytes, bytes]:
    return 200, _JSON, orjson.dumps(self._service.describe())

  def _metrics(self) -> tuple[int, bytes, bytes]:
    page = self._service.metrics.page()
    return 200, metrics.CONTENT_TYPE.encode(), page


class _Incoming:
  """A request's body, piece by piece, and whether it has ended."""

  def __init__(self, receive: Receive):
    self._receive = receive
    self._ended = False

  async def __call__(self) -> Mapping[str, Any]:
    message = await self._receive()
    self._ended = not message.get('more_body', False)
    return message

  async def throw_away(self) -> None:
    """Reads the rest, for a while.

    A connection that is closed with bytes unread is reset, and the client
    then loses the answer that it was sent.
    """
    with contextlib.suppress(TimeoutError):
      async with asyncio.timeout(_LINGER_S):
        while not self._ended:
          await self()


def _spec(match: re.Match) -> service_lib.ModelSpec:
  version = None if match[2] is None else int(match[2])
  return service_lib.ModelSpec(match[1], version, match[3])


async def _read(
  scope: Mapping[str, Any], receive: Receive, most_bytes: int
) -> bytes:
  """Reads a request's body, and no more than that of a large one."""
  headers = dict(scope['headers'])
  size = headers.get(b'content-length', b'0')
  encoding = headers.get(b'content-encoding', b'identity')
  if encoding.lower() != b'identity':
    raise refusals.Refusal(
      'INVALID_ARGUMENT',
      'malformed',
      f'Content-Encoding {encoding[:40]!r} is not understood; send plain JSON.',
      http_status=415,
    )
  chunks: list[bytes] = []
  total = int(size) if size.isdigit() else 0
  read = 0
  more = total <= most_bytes
  while more:
    message = await receive()
    if message['type'] == 'http.disconnect':
      raise refusals.Refusal('CANCELLED', 'gone', 'the client has gone.')
    chunks.append(message.get('body', b''))
    read += len(chunks[-1])
    total = max(total, read)
    more = message.get('more_body', False) and total <= most_bytes
  if total > most_bytes:
    raise refusals.Refusal(
      'RESOURCE_EXHAUSTED',
      'too_large',
      f'the request has more than {most_bytes} bytes; send fewer rows, or '
      'raise --max_request_mib.',
      http_status=413,
    )
  return b''.join(chunks)


async def _send_refusal(
  send: Send, refusal: refusals.Refusal, incoming: _Incoming
) -> None:
  headers = []
  if refusal.retry_after_s is not None:
    headers.append((b'retry-after', b'%d' % max(1, refusal.retry_after_s)))
  closes = refusal.reason in _CLOSING
  if closes:
    headers.append((b'connection', b'close'))
  # Python's own JSON, for NaN, lets text through that no UTF-8 can hold.
  reason = str(refusal).encode('utf-8', 'backslashreplace').decode()
  body = orjson.dumps({'error': reason})
  status = refusal.http_status
  await _send(send, status, _JSON, body, headers, stays_open=closes)
  if closes:
    await incoming.throw_away()
    await send({'type': 'http.response.body'})


async def _send(
  send: Send,
  status: int,
  content_type: bytes,
  body: bytes,
  headers: Iterable[tuple[bytes, bytes]] = (),
  *,
  stays_open: bool = False,
) -> None:
  """Sends a whole answer; one that stays open needs an empty body to end."""
  await send(
    {
      'type': 'http.response.start',
      'status': status,
      'headers': [
        (b'content-type', content_type),
        (b'content-length', b'%d' % len(body)),
        *headers,
      ],
    }
  )
  await send(
    {'type': 'http.response.body', 'body': body, 'more_body': stays_open}
  )
