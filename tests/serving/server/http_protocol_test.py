import socket
import time

import pytest

from awopt_agent.serving.server import limits
from tests.serving.server import fakes

_LIMIT_S = 0.3


@pytest.fixture(name='running', scope='module')
def _running(predictor):
  short = limits.Limits(time_s=_LIMIT_S)
  with fakes.serving(fakes.Source(predictor), limits=short) as running:
    yield running


def connect(running):
  return socket.create_connection(('127.0.0.1', running.port), timeout=30)


@pytest.mark.parametrize(
  'begun', [b'', b'GET /healthz HT', b'GET / HTTP/1.1\r\nHost:']
)
def test_a_head_that_does_not_come_ends_the_connection(running, begun):
  with connect(running) as client:
    client.sendall(begun)
    began_s = time.monotonic()
    assert client.recv(100) == b''
    assert time.monotonic() - began_s > _LIMIT_S / 2


def test_a_connection_may_rest_between_requests(running):
  request = b'GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n'
  with connect(running) as client:
    for _ in range(2):
      client.sendall(request)
      answer = b''
      while not answer.endswith(b'ready\n'):
        answer += client.recv(1000)
      assert answer.startswith(b'HTTP/1.1 200')
      time.sleep(2 * _LIMIT_S)
    # But not in the midst of one.
    client.sendall(request[:20])
    assert client.recv(1000) == b''
