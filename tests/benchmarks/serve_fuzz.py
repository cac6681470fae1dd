"""Malformed requests, many of them, at a real server.

python -m tests.benchmarks.serve_fuzz [--requests 10000] [--seed 0]
sends them by both protocols, a sound one after every hundred, and fails if
one gets an action, no reason, or no answer.
"""

from awopt_agent import quiet  # Before TensorFlow.

# isort: split
import argparse
import base64
import collections
import http.client
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
import numpy as np
import tensorflow as tf

from awopt_agent.serving import export, predictor
from awopt_agent.serving.server import limits
from tests.serving.server import fakes

_MOST_BYTES = 100_000
_MOST_ROWS = 16
_SOUND_EVERY = 100
# What a client's own fault is called; nothing else may happen.
_HTTP = {400, 404, 413, 415}
_GRPC = {'INVALID_ARGUMENT', 'FAILED_PRECONDITION', 'NOT_FOUND'}
_GRPC |= {'RESOURCE_EXHAUSTED'}


class Case(NamedTuple):
  """A malformed request.

  Attributes:
    kind: What is wrong with it.
    names: What its reason must name; '' for anything.
    body: JSON, or a `PredictRequest`; both as bytes.
    protocol: 'rest' or 'grpc'.
  """

  kind: str
  names: str
  body: bytes
  protocol: str


def limits_of_server() -> limits.Limits:
  """Returns limits that requests of moderate size break."""
  return limits.Limits(request_bytes=_MOST_BYTES, rows=_MOST_ROWS)


def cases(seed: int) -> Iterator[Case]:
  """Yields malformed requests without end, of all kinds in turns."""
  rng = random.Random(seed)
  makers = [*_REST, *_GRPC_MAKERS]
  while True:
    for make in makers:
      yield make(rng)


def fuzz(running: fakes.Running, count: int, seed: int) -> collections.Counter:
  """Sends malformed requests.

  Args:
    running: A server with `limits_of_server`.
    count: How many.
    seed: Of what is drawn.

  Returns:
    How many were refused, by kind.

  Raises:
    AssertionError: If one is answered otherwise than it should be.
  """
  connection = running.connect()
  call = running.channel.unary_unary(
    '/tensorflow.serving.PredictionService/Predict'
  )
  refused: collections.Counter = collections.Counter()
  for index, case in zip(range(count), cases(seed), strict=False):
    if case.protocol == 'rest':
      connection = _send_rest(running, connection, case)
    else:
      _send_grpc(call, case)
    refused[f'{case.protocol}: {case.kind}'] += 1
    if index % _SOUND_EVERY == 0:
      _check_sound(running, index)
  _check_sound(running, count)
  connection.close()
  return refused


def _send_rest(running, connection, case: Case):
  """Returns the connection to go on with."""
  try:
    connection.request('POST', '/v1/models/policy:predict', case.body)
    response = connection.getresponse()
    answer = response.read()
  except (BrokenPipeError, ConnectionResetError, http.client.HTTPException):
    # Refused by its announced size, while the client still sends.
    assert len(case.body) > _MOST_BYTES, case
    connection.close()
    return running.connect()
  assert response.status in _HTTP, (case, response.status, answer)
  document = json.loads(answer)
  assert list(document) == ['error'], (case, document)
  _check_reason(case, document['error'])
  return connection


def _send_grpc(call: Callable, case: Case) -> None:
  try:
    answer = call(case.body, timeout=30)
  except grpc.RpcError as error:
    assert error.code().name in _GRPC, (case, error)
    _check_reason(case, error.details())
  else:
    raise AssertionError((case, answer))


def _check_reason(case: Case, reason: str) -> None:
  assert reason.strip() and '\n' not in reason, (case, reason)
  assert len(reason) < 1000, (case, reason)
  assert case.names in reason, (case, reason)


def _check_sound(running, seed: int) -> None:
  observation = fakes.observe(2, seed)
  expected = 0.5 * observation['gripper']
  status, answer = running.post({'instances': fakes.as_rows(observation)})
  assert status == 200, answer
  moves = [row['move'] for row in answer['predictions']]
  np.testing.assert_allclose(moves, expected, atol=1e-6)
  move = tf.make_ndarray(running.predict(observation).outputs['move'])
  np.testing.assert_allclose(move, expected, atol=1e-6)


def _sound(rng: random.Random) -> dict[str, Any]:
  observation = fakes.observe(rng.randint(1, 3), rng.randint(0, 10**6))
  return {'instances': fakes.as_rows(observation)}


def _json(kind: str, names: str = ''):
  """Makes a maker of what spoils a sound document."""

  def wrap(spoil: Callable[[random.Random, dict], Any]):
    def make(rng: random.Random) -> Case:
      document = _sound(rng)
      spoilt = spoil(rng, document)
      if not isinstance(spoilt, bytes):
        spoilt = json.dumps(document if spoilt is None else spoilt).encode()
      return Case(kind, names, spoilt, 'rest')

    _REST.append(make)
    return spoil

  return wrap


_REST: list[Callable[[random.Random], Case]] = []
_GRPC_MAKERS: list[Callable[[random.Random], Case]] = []


def _row(rng: random.Random, document: dict) -> dict:
  return rng.choice(document['instances'])


def _junk(rng: random.Random, depth: int = 0) -> Any:
  """Returns any JSON value but a sound one."""
  draws: list[Callable[[], Any]] = [
    lambda: None,
    lambda: rng.random() < 0.5,
    lambda: rng.randint(-(10**30), 10**30),
    lambda: rng.uniform(-1e300, 1e300),
    lambda: ''.join(chr(rng.randint(1, 0x2FFF)) for _ in range(5)),
  ]
  if depth < 3:
    draws += [
      lambda: [_junk(rng, depth + 1) for _ in range(rng.randint(0, 4))],
      lambda: {
        str(index): _junk(rng, depth + 1) for index in range(rng.randint(0, 3))
      },
    ]
  return rng.choice(draws)()


@_json('truncated JSON', 'JSON Parse error')
def _(rng, document):
  body = json.dumps(document).encode()
  return body[: rng.randrange(len(body))]


@_json('random bytes', 'JSON Parse error')
def _(rng, document):
  return b'\x00' + rng.randbytes(rng.randint(0, 200))


@_json('deep JSON', 'JSON Parse error')
def _(rng, document):
  bracket = rng.choice([b'[', b'{"a":', b'{"NaN":['])
  return bracket * rng.randint(2000, 9000)


@_json('no object')
def _(rng, document):
  return [_junk(rng)]


@_json('wrong keys', 'key')
def _(rng, document):
  return rng.choice(
    [
      {},
      {'instance': document['instances']},
      document | {'inputs': 1},
      document | {'signature_name': rng.choice([1, [], {}, 0.5, True])},
    ]
  )


@_json('unknown signature', 'not found in signature def')
def _(rng, document):
  return document | {'signature_name': f'x{rng.random()}'}


@_json('instances of another kind')
def _(rng, document):
  return {'instances': rng.choice([_junk(rng), [_junk(rng)]])}


@_json('a missing input', 'gripper')
def _(rng, document):
  del _row(rng, document)['gripper']


@_json('an unknown input', 'colour')
def _(rng, document):
  _row(rng, document)['colour'] = _junk(rng)


@_json('another type', 'gripper')
def _(rng, document):
  kinds = ['1', None, True, [0.1], {'b64': 'AAAA'}, {}, 'x' * 5000]
  _row(rng, document)['gripper'][rng.randint(0, 1)] = rng.choice(kinds)


@_json('another value', 'camera')
def _(rng, document):
  _row(rng, document)['camera'] = _junk(rng)


@_json('another shape', 'gripper')
def _(rng, document):
  size = rng.choice([0, 1, 3, 50])
  _row(rng, document)['gripper'] = [0.1] * size


@_json('an uneven shape', 'camera')
def _(rng, document):
  rng.choice(rng.choice(_row(rng, document)['camera'])).append(1)


@_json('NaN', 'gripper')
def _(rng, document):
  bad = rng.choice([float('nan'), float('inf'), float('-inf'), 1e39])
  _row(rng, document)['gripper'][rng.randint(0, 1)] = bad


@_json('out of bounds', 'gripper')
def _(rng, document):
  _row(rng, document)['gripper'][rng.randint(0, 1)] = rng.choice([-1.01, 1.5])


@_json('no byte', 'camera')
def _(rng, document):
  bad = rng.choice([-1, 256, 10**40, 1.5, None])
  _row(rng, document)['camera'][rng.randint(0, 3)][rng.randint(0, 5)][0] = bad


@_json('too many rows', 'rows')
def _(rng, document):
  return {'instances': document['instances'][:1] * rng.randint(17, 40)}


@_json('too large', 'bytes')
def _(rng, document):
  return b' ' * rng.randint(_MOST_BYTES + 1, 3 * _MOST_BYTES)


def _picture(rng: random.Random) -> bytes:
  pixels = np.frombuffer(rng.randbytes(72), np.uint8).reshape(4, 6, 3)
  encode = rng.choice([tf.io.encode_png, tf.io.encode_jpeg])
  return encode(pixels).numpy()


def _bad_picture(rng: random.Random) -> bytes:
  file = _picture(rng)
  bomb = b'\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR' + b'\x00\x00\xff\xff' * 2
  wrong = np.zeros([rng.choice([1, 5]), 6, 3], np.uint8)
  return rng.choice(
    [
      file[: rng.randrange(len(file))],
      rng.randbytes(50),
      bomb + rng.randbytes(30),
      tf.io.encode_png(wrong).numpy(),
    ]
  )


@_json('a bad picture', 'camera')
def _(rng, document):
  content = base64.b64encode(_bad_picture(rng)).decode()
  for row in document['instances']:
    row['camera'] = {'b64': base64.b64encode(_picture(rng)).decode()}
  text = rng.choice([content, '***', 'AAA*', '=' * 7])
  _row(rng, document)['camera'] = {'b64': text}
  return document | {'signature_name': 'action_encoded'}


def _proto(kind: str, names: str = ''):
  """Makes a maker of what spoils a sound message."""

  def wrap(spoil: Callable[[random.Random, Any], bytes | None]):
    def make(rng: random.Random) -> Case:
      rows = rng.randint(1, 3)
      observation = fakes.observe(rows, rng.randint(0, 10**6))
      request = fakes.request_of(observation)
      body = spoil(rng, request)
      body = request.SerializeToString() if body is None else body
      return Case(kind, names, body, 'grpc')

    _GRPC_MAKERS.append(make)
    return spoil

  return wrap


@_proto('random bytes', 'no PredictRequest')
def _(rng, request):
  return b'\xff' + rng.randbytes(rng.randint(1, 200))


@_proto('another model', 'Servable not found')
def _(rng, request):
  request.model_spec.name = str(rng.random())


@_proto('another version', 'Servable not found')
def _(rng, request):
  request.model_spec.version.value = rng.choice([-1, 0, 7, 2**62])


@_proto('a missing input', 'camera')
def _(rng, request):
  del request.inputs['camera']


@_proto('an unknown input', 'colour')
def _(rng, request):
  request.inputs['colour'].CopyFrom(request.inputs['gripper'])


@_proto('another type', 'gripper')
def _(rng, request):
  request.inputs['gripper'].dtype = rng.choice([0, 2, 3, 7, 23, 77, 101])


@_proto('a shape that is claimed', 'gripper')
def _(rng, request):
  shape = request.inputs['gripper'].tensor_shape
  shape.dim[0].size = rng.choice([-1, 0, 17, 10**9, 2**62])


@_proto('another shape', 'gripper')
def _(rng, request):
  shape = request.inputs['gripper'].tensor_shape
  rng.choice(
    [
      lambda: shape.dim.add(size=1),
      lambda: shape.dim.pop(),
      lambda: setattr(shape.dim[1], 'size', 3),
      lambda: setattr(shape, 'unknown_rank', True),
    ]
  )()


@_proto('content cut off', 'camera')
def _(rng, request):
  camera = request.inputs['camera']
  content = camera.tensor_content
  camera.tensor_content = content[: rng.randint(1, len(content) - 1)]


@_proto('values cut off', 'gripper')
def _(rng, request):
  gripper = request.inputs['gripper']
  values = rng.choice([[], [0.1] * 7])
  gripper.tensor_content = b''
  del gripper.float_val[:]
  gripper.float_val.extend(values)


@_proto('NaN', 'gripper')
def _(rng, request):
  rows = request.inputs['camera'].tensor_shape.dim[0].size
  values = np.full([rows, 2], 0.1, np.float32)
  bad = rng.choice([np.nan, np.inf, -np.inf, 1.5])
  values[rng.randrange(rows), rng.randint(0, 1)] = bad
  request.inputs['gripper'].CopyFrom(tf.make_tensor_proto(values))


@_proto('too large', 'larger than max')
def _(rng, request):
  content = bytes(rng.randint(2, 3) * _MOST_BYTES)
  request.inputs['camera'].tensor_content = content


@_proto('too many rows', 'rows')
def _(rng, request):
  observation = fakes.observe(rng.randint(17, 60))
  for name, value in observation.items():
    request.inputs[name].CopyFrom(tf.make_tensor_proto(value))


@_proto('a bad picture', 'camera')
def _(rng, request):
  rows = request.inputs['camera'].tensor_shape.dim[0].size
  files = [_picture(rng) for _ in range(rows)]
  files[rng.randrange(rows)] = _bad_picture(rng)
  request.inputs['camera'].CopyFrom(tf.make_tensor_proto(files))
  request.model_spec.signature_name = 'action_encoded'


@_proto('an unknown output', 'output tensor alias')
def _(rng, request):
  request.output_filter.append(rng.choice(['speed', '', 'score']))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--requests', type=int, default=10_000)
  parser.add_argument('--seed', type=int, default=0)
  flags = parser.parse_args()
  quiet.drop_native_notices()
  with tempfile.TemporaryDirectory() as folder:
    version = export.export(fakes.GreyAgent(), folder, train_step=1)
    source = fakes.Source(predictor.Predictor(version))
    with fakes.serving(source, limits=limits_of_server()) as running:
      refused = fuzz(running, flags.requests, flags.seed)
      page = running.service.metrics.page().decode()
  for kind, count in sorted(refused.items()):
    print(f'{kind:<40} {count:6d}')
  for line in page.splitlines():
    if 'refused_total' in line and not line.startswith('#'):
      print(line)
  print(f'{refused.total()} malformed requests, each refused with its reason.')


if __name__ == '__main__':
  main()
