"""Over how many devices and workers a learner is spread.

Make the strategy before any tensor, and the agent in its scope. Each replica
takes a batch of its own, so that N of them learn from N times as many
transitions a step.
"""

import json
import os
from typing import Any

import tensorflow as tf

__all__ = ['NAMES', 'is_chief', 'make']

NAMES = ('none', 'mirrored', 'multi_worker')

_EXAMPLE = (
  '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, '
  '"task": {"type": "worker", "index": 0}}'
)


def make(name: str = 'none') -> tf.distribute.Strategy:
  """Makes a strategy.

  Args:
    name: 'none'; 'mirrored' for a replica on each GPU of this process, or on
      each of its logical CPUs where there is no GPU; or 'multi_worker' for the
      workers in the environment variable TF_CONFIG, which all run the same
      program. The latter waits until all of them are there.

  Returns:
    The strategy; TensorFlow's default one for 'none'.

  Raises:
    ValueError: If there is no such strategy, or TF_CONFIG does not tell the
      workers.
    OSError: If another program has this worker's port.
  """
  if name == 'mirrored':
    gpus = tf.config.list_logical_devices('GPU')
    devices = gpus or tf.config.list_logical_devices('CPU')
    return tf.distribute.MirroredStrategy([device.name for device in devices])
  if name == 'multi_worker':
    _check_workers(os.environ.get('TF_CONFIG', ''))
    return _join_workers()
  if name != 'none':
    raise ValueError(
      f'strategy must be one of {", ".join(NAMES)}, got {name!r}.'
    )
  return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
  """Returns whether this process is the one that writes files.

  Args:
    strategy: Of `make`, or None.
  """
  resolver = strategy.cluster_resolver if strategy else None
  if resolver is None or not resolver.cluster_spec().jobs:
    return True
  if 'chief' in resolver.cluster_spec().jobs:
    return resolver.task_type == 'chief'
  return resolver.task_id == 0


def _join_workers() -> tf.distribute.Strategy:
  try:
    return tf.distribute.MultiWorkerMirroredStrategy()
  except tf.errors.UnknownError as error:
    if 'gRPC server' not in error.message:
      raise
    raise OSError(
      'strategy multi_worker: cannot listen at the port that TF_CONFIG gives '
      f'this worker ({os.environ["TF_CONFIG"]}); end what listens there, or '
      'give all workers another.'
    ) from None


def _check_workers(text: str) -> None:
  """Refuses a TF_CONFIG on which TensorFlow would fail, or wait for ever."""
  wrong = _what_is_wrong(text)
  if wrong:
    raise ValueError(
      f'strategy multi_worker: TF_CONFIG {wrong}, got {text!r}; set it for '
      f'each worker, for example {_EXAMPLE}.'
    )


def _what_is_wrong(text: str) -> str:
  try:
    config = json.loads(text or '{}')
  except json.JSONDecodeError as error:
    return f'is no JSON ({error})'
  if not text:
    return 'is not set'
  cluster = _part(config, 'cluster')
  jobs = {
    name: cluster[name] for name in ('chief', 'worker') if name in cluster
  }
  if not jobs:
    return 'lists no workers'
  for addresses in jobs.values():
    if not _are_addresses(addresses):
      return 'must list addresses as host:port'
  task = _part(config, 'task')
  kind, index = task.get('type'), task.get('index')
  if kind not in jobs:
    return f'must give a task type of {", ".join(jobs)}'
  if not isinstance(index, int) or not 0 <= index < len(jobs[kind]):
    return f'must give a task index of 0 to {len(jobs[kind]) - 1}'
  return ''


def _part(config: Any, name: str) -> dict[str, Any]:
  part = config.get(name) if isinstance(config, dict) else None
  return part if isinstance(part, dict) else {}


def _are_addresses(addresses: Any) -> bool:
  if not isinstance(addresses, list) or not addresses:
    return False
  parts = [str(address).rpartition(':') for address in addresses]
  return all(host and port.isdigit() for host, _, port in parts)
