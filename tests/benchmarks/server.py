"""The server beside `tf.saved_model.load`, on the small network at 64 pixels.

python -m tests.benchmarks.server prints its rows alone.
"""

from awopt_agent import quiet  # noqa: F401  Before TensorFlow.

# isort: split
import base64
import contextlib
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from awopt_agent.serving import export
from tests.benchmarks import environments, serve_client, small_policy

_CLIENTS = 8
_TURNS = 5
_CALLS = 200
_SECONDS = 3.0
_PAIRS = 9


def measure() -> Iterator[environments.Row]:
  """Measures in turns: the server on one core, its clients wherever."""
  yield from _measure(max(os.sched_getaffinity(0)))


def _measure(core: int) -> Iterator[environments.Row]:
  with tempfile.TemporaryDirectory() as folder:
    version = _export(folder)
    bodies = _write_requests(folder)
    with _server(folder, core) as addresses:
      yield from _latencies(version, addresses, bodies)
      yield from _throughputs(addresses, bodies)


def _export(folder: str) -> str:
  agent = small_policy.make_agent()
  return export.export(agent, folder, train_step=1, default_policy='cem')


def _observe() -> dict[str, np.ndarray]:
  rng = np.random.default_rng(0)
  # As smooth as a camera's picture, which PNG makes smaller.
  ramp = np.linspace(0, 200, 64)[None, :, None, None]
  noise = rng.integers(0, 8, (1, 64, 64, 3))
  return {
    'image': (ramp + noise).astype(np.uint8),
    'gripper': np.float32([[0.25, 1.0]]),
  }


def _write_requests(folder: str) -> dict[str, str]:
  """Writes the body of a request of each kind; returns their paths."""
  observation = _observe()
  png = tf.io.encode_png(observation['image'][0]).numpy()
  grpc_request = predict_pb2.PredictRequest()
  grpc_request.model_spec.name = 'policy'
  for name, value in observation.items():
    grpc_request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
  pixels = {name: value[0].tolist() for name, value in observation.items()}
  file = pixels | {'image': {'b64': base64.b64encode(png).decode()}}
  bodies = {
    'gRPC': grpc_request.SerializeToString(),
    'REST': json.dumps({'instances': [pixels]}).encode(),
    'REST, PNG': json.dumps(
      {'signature_name': 'action_encoded', 'instances': [file]}
    ).encode(),
  }
  paths = {}
  for name, body in bodies.items():
    paths[name] = os.path.join(folder, f'{name}.body')
    with open(paths[name], 'wb') as out:
      out.write(body)
  return paths


@contextlib.contextmanager
def _server(folder: str, core: int) -> Iterator[dict[str, str]]:
  """Yields the addresses of `awopt-serve`."""
  command = ['taskset', '-c', str(core), sys.executable]
  command += ['-m', 'awopt_agent.train.serve']
  command += ['--policies', folder, '--rest_port', '0', '--grpc_port', '0']
  process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
  try:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r'(http://\S+) and gRPC (\S+)', line)
    assert found, line
    yield {'REST': found[1], 'gRPC': found[2]}
  finally:
    process.terminate()
    process.wait()


def _latencies(
  version: str, addresses: dict[str, str], bodies: dict[str, str]
) -> Iterator[environments.Row]:
  local = tf.saved_model.load(version).signatures['serving_default']
  observation = _observe()

  def act():
    tensors = {name: tf.constant(value) for name, value in observation.items()}
    return {name: value.numpy() for name, value in local(**tensors).items()}

  contestants: dict[str, Callable[[], object]] = {'SavedModel': act}
  for name, path in bodies.items():
    protocol = name.split(',')[0]
    with open(path, 'rb') as file:
      contestants[name] = serve_client.connect(
        protocol.lower(), addresses[protocol], file.read()
      )
  taken_ms = _in_turns(contestants)
  for percentile in (50, 99):
    reference = f'SavedModel: action, p{percentile}'
    for name, values in taken_ms.items():
      value = float(np.percentile(values, percentile))
      row = f'{name}: action, p{percentile}'
      yield row, value, 'ms', None if name == 'SavedModel' else reference


def _in_turns(
  contestants: dict[str, Callable[[], object]],
) -> dict[str, list[float]]:
  taken_ms: dict[str, list[float]] = {name: [] for name in contestants}
  for ask in contestants.values():
    for _ in range(20):
      ask()
  for _ in range(_TURNS):
    for name, ask in contestants.items():
      for _ in range(_CALLS):
        start = time.perf_counter()
        ask()
        taken_ms[name].append(1e3 * (time.perf_counter() - start))
  return taken_ms


def _throughputs(
  addresses: dict[str, str], bodies: dict[str, str]
) -> Iterator[environments.Row]:
  for name, path in bodies.items():
    protocol = name.split(',')[0]
    ask = functools.partial(
      _answers_a_second, protocol.lower(), addresses[protocol], path
    )
    found: dict[int, list[float]] = {1: [], _CLIENTS: []}
    for _ in range(_PAIRS):
      for clients, values in found.items():
        values.append(ask(clients))
    reference = f'{name}: 1 client'
    yield reference, float(np.median(found[1])), 'answers/s', None
    value = float(np.median(found[_CLIENTS]))
    yield f'{name}: {_CLIENTS} clients', value, 'answers/s', reference


def _answers_a_second(
  protocol: str, address: str, path: str, clients: int
) -> float:
  start = str(time.time() + 1.5)
  command = [sys.executable, '-m', 'tests.benchmarks.serve_client', protocol]
  command += [address, path, start, str(_SECONDS)]
  processes = [
    subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(clients)
  ]
  answers = [json.loads(one.communicate()[0]) for one in processes]
  return sum(map(len, answers)) / _SECONDS


def main() -> None:
  for name, value, unit, _ in measure():
    print(f'{name:<40} {value:9.2f} {unit}', flush=True)


if __name__ == '__main__':
  main()
