import asyncio
import concurrent.futures
import socket
import time

import grpc
import pytest

from awopt_agent.serving.server import listening
from tests.serving.server import fakes

OBSERVATION = fakes.observe(2)


@pytest.fixture(name='service')
def _service(predictor):
  service = fakes.make_service(fakes.Source(predictor))
  yield service
  service.close()


def test_listens_on_loopback_alone(server):
  assert server.server.rest_url.startswith('http://127.0.0.1:')
  assert server.server.grpc_address.startswith('127.0.0.1:')
  # Another loopback address of this machine is not listened on either.
  with pytest.raises(ConnectionRefusedError):
    socket.create_connection(('127.0.0.2', server.port), timeout=2)


def test_answers_are_not_held_back(server):
  # asyncio turns Nagle's algorithm off only for what names its protocol.
  (listener,) = server.server._http.servers[0].sockets
  assert listener.proto == socket.IPPROTO_TCP


def test_speaks_ipv6_too(service):
  async def start():
    server = listening.Server(service, host='::1')
    await server.start()
    port = int(server.rest_url.split(']:')[1].split('/')[0])
    reader, writer = await asyncio.open_connection('::1', port)
    writer.write(
      b'GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    )
    answer = await reader.read()
    writer.close()
    await server.drain()
    return server.grpc_address, answer

  try:
    socket.create_server(('::1', 0), family=socket.AF_INET6).close()
  except OSError:
    pytest.skip('this machine has no IPv6')
  address, answer = asyncio.run(start())
  assert address.startswith('[::1]:') and b'ready' in answer


@pytest.mark.parametrize('protocol', ['rest', 'grpc'])
def test_a_port_that_is_taken_is_named(service, protocol):
  with socket.create_server(('127.0.0.1', 0)) as taken:
    port = taken.getsockname()[1]
    server = listening.Server(service, **{f'{protocol}_port': port})
    message = rf'127.0.0.1:{port} \(.*give --{protocol}_port another'
    with pytest.raises(OSError, match=message) as error:
      asyncio.run(server.start())
    assert '\n' not in str(error.value)


def test_drains(predictor):
  slow = fakes.Slow(predictor)
  with (
    fakes.serving(fakes.Source(slow)) as running,
    concurrent.futures.ThreadPoolExecutor(4) as pool,
  ):
    idle = running.connect()
    idle.request('GET', '/readyz')
    idle.getresponse().read()
    asked = pool.submit(running.predict, OBSERVATION)
    slow.entered.acquire()
    queued = pool.submit(
      running.post, {'instances': fakes.as_rows(OBSERVATION)}
    )
    fakes.wait_for(lambda: b'_waiting 1.0' in running.service.metrics.page())
    draining = pool.submit(running.drain)
    while running.service.is_ready:
      time.sleep(0.001)
    time.sleep(0.5)
    # Nobody else gets in, and nobody who is in is left without an answer.
    with pytest.raises(OSError):
      running.connect().connect()
    with (
      pytest.raises(grpc.RpcError),
      grpc.insecure_channel(running.server.grpc_address) as channel,
    ):
      channel.unary_unary('/tensorflow.serving.ModelService/GetModelStatus')(
        b'', timeout=2
      )
    assert not (asked.done() or queued.done() or draining.done())
    slow.go.set()
    assert asked.result().model_spec.version.value == 30
    assert queued.result()[0] == 200
    draining.result()
    idle.close()
