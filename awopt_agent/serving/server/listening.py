"""Both protocols on their sockets, from the start to the last answer."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import grpc
import uvicorn
from grpc_health.v1 import _async as health_aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from awopt_agent.serving.server import grpc_service, http_protocol, rest
from awopt_agent.serving.server import service as service_lib

__all__ = ['Server']

# Beyond the time that a request may take, for its answer's way.
_GRACE_S = 1.0
_LOOK_EVERY_S = 1.0
_HEALTHY = (
  '',
  'tensorflow.serving.PredictionService',
  'tensorflow.serving.ModelService',
)
# A protocol buffer's own bytes around the tensors.
_FRAME_BYTES = 4096


class Server:
  """A service on two ports; everything happens in the loop that starts it."""

  def __init__(
    self,
    service: service_lib.Service,
    *,
    host: str = '127.0.0.1',
    rest_port: int = 0,
    grpc_port: int = 0,
  ):
    """Binds nothing yet.

    Args:
      service: What answers.
      host: Address to listen on.
      rest_port: 0 for a free one.
      grpc_port: 0 for a free one.
    """
    self._service = service
    self._host = f'[{host}]' if ':' in host else host
    self._bare_host = host
    self._ports = {'rest': rest_port, 'grpc': grpc_port}

  @property
  def rest_url(self) -> str:
    """Of the model, without `:predict`."""
    address = f'http://{self._host}:{self._ports["rest"]}'
    return f'{address}/v1/models/{self._service.name}'

  @property
  def grpc_address(self) -> str:
    """Host and port."""
    return f'{self._host}:{self._ports["grpc"]}'

  async def start(self) -> None:
    """Listens; returns once requests are answered.

    Raises:
      OSError: If an address cannot be had.
    """
    listener = self._listen()
    try:
      await self._start_grpc()
    except BaseException:
      listener.close()
      raise
    limits = self._service.limits
    config = uvicorn.Config(
      rest.Application(self._service),
      http=http_protocol.punctual(limits.time_s),
      ws='none',
      lifespan='off',
      loop='asyncio',
      log_config=None,
      access_log=False,
      proxy_headers=False,
      server_header=False,
      timeout_keep_alive=60,
      timeout_graceful_shutdown=int(limits.time_s + _GRACE_S) + 1,
    )
    self._http = _Http(config)
    self._http_task = asyncio.create_task(self._http.serve(sockets=[listener]))
    while not self._http.started and not self._http_task.done():
      await asyncio.sleep(0.001)
    self._health_task = asyncio.create_task(self._tell_health())

  async def drain(self) -> None:
    """Takes no further request, answers those under way, and closes."""
    self._service.drain()
    self._health_task.cancel()
    await self._health.enter_graceful_shutdown()
    self._http.should_exit = True
    grace_s = self._service.limits.time_s + _GRACE_S
    await asyncio.gather(self._http_task, self._grpc.stop(grace_s))

  def _listen(self) -> socket.socket:
    family = socket.AF_INET6 if ':' in self._bare_host else socket.AF_INET
    # Of this protocol by name, and not of the family's default one: else
    # asyncio leaves Nagle's algorithm on, and an answer waits for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
      listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
      listener.bind((self._bare_host, self._ports['rest']))
    except OSError as error:
      listener.close()
      raise self._taken('rest', error.strerror or str(error)) from error
    self._ports['rest'] = listener.getsockname()[1]
    return listener

  async def _start_grpc(self) -> None:
    limits = self._service.limits
    self._grpc = grpc.aio.server(
      options=[
        (
          'grpc.max_receive_message_length',
          limits.request_bytes + _FRAME_BYTES,
        ),
        ('grpc.max_send_message_length', -1),
        # Else a second server would silently share the port.
        ('grpc.so_reuseport', 0),
      ],
      maximum_concurrent_rpcs=limits.connections,
    )
    self._grpc.add_generic_rpc_handlers(grpc_service.handlers(self._service))
    self._health = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
    await self._set_health()
    try:
      port = self._grpc.add_insecure_port(self.grpc_address)
    except RuntimeError as error:
      raise self._taken(
        'grpc', 'it is taken, or not of this machine'
      ) from error
    self._ports['grpc'] = port
    await self._grpc.start()

  async def _tell_health(self) -> None:
    while True:
      await asyncio.sleep(_LOOK_EVERY_S)
      await self._set_health()

  async def _set_health(self) -> None:
    kinds = health_pb2.HealthCheckResponse
    found = kinds.SERVING if self._service.is_ready else kinds.NOT_SERVING
    for name in _HEALTHY:
      await self._health.set(name, found)

  def _taken(self, protocol: str, reason: str) -> OSError:
    return OSError(
      f'cannot listen on {self._host}:{self._ports[protocol]} ({reason}); end '
      f'what listens there, or give --{protocol}_port another one.'
    )


class _Http(uvicorn.Server):
  """Leaves signals to the program."""

  @contextlib.contextmanager
  def capture_signals(self) -> Iterator[None]:
    yield
