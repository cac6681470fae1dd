"""One client of the server, in a process of its own, without TensorFlow.

python -m tests.benchmarks.serve_client PROTOCOL ADDRESS BODY START SECONDS
asks with the file BODY from the wall clock's START on, and prints the number
of answers and their latencies.
"""

import http.client
import json
import sys
import time
from collections.abc import Callable

import grpc

_METHOD = '/tensorflow.serving.PredictionService/Predict'


def connect(protocol: str, address: str, body: bytes) -> Callable[[], bytes]:
  """Returns a function that asks once."""
  if protocol == 'grpc':
    channel = grpc.insecure_channel(address)
    call = channel.unary_unary(_METHOD)
    return lambda: call(body, timeout=30)
  host, path = address.removeprefix('http://').split('/', 1)
  connection = http.client.HTTPConnection(host)

  def ask() -> bytes:
    connection.request(
      'POST', f'/{path}:predict', body, {'Content-Type': 'application/json'}
    )
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
      raise RuntimeError(answer)
    return answer

  return ask


def main() -> None:
  protocol, address, path, start, seconds = sys.argv[1:]
  with open(path, 'rb') as file:
    ask = connect(protocol, address, file.read())
  for _ in range(5):
    ask()
  time.sleep(max(0.0, float(start) - time.time()))
  end = time.perf_counter() + float(seconds)
  taken_s = []
  while (now := time.perf_counter()) < end:
    ask()
    taken_s.append(time.perf_counter() - now)
  print(json.dumps(taken_s))


if __name__ == '__main__':
  main()
