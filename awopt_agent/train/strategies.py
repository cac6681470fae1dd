"""Over how many devices and workers a learner is spread.

Make the strategy before any tensor, and the agent in its scope. Each replica
takes a batch of its own, so that N of them learn from N times as many
transitions a step.
"""

import json
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from awopt_agent.train import rendezvous

__all__ = ['NAMES', 'is_chief', 'is_one_of_many', 'make']

NAMES = ('none', 'mirrored', 'multi_worker')

_KINDS = ('chief', 'worker')

_EXAMPLE = (
  '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, '
  '"task": {"type": "worker", "index": 0}}'
)


def make(
  name: str = 'none',
  *,
  wait_limit_s: float = 600.0,
  check: Callable[[], None] = lambda: None,
) -> tf.distribute.Strategy:
  """Makes a strategy.

  Args:
    name: 'none'; 'mirrored' for a replica on each GPU of this process, or on
      each of its logical CPUs where there is no GPU; or 'multi_worker' for the
      workers in the environment variable TF_CONFIG, which all run the same
      program. The latter waits until all of them are there, and opens a port
      of TensorFlow's on every network interface.
    wait_limit_s: Seconds that it waits for the others.
    check: Called while it waits; what it raises ends the wait.

  Returns:
    The strategy; TensorFlow's default one for 'none'.

  Raises:
    ValueError: If there is no such strategy, or TF_CONFIG does not tell the
      workers.
    OSError: If another program has this worker's port.
    TimeoutError: If a worker did not come.
  """
  if name == 'mirrored':
    gpus = tf.config.list_logical_devices('GPU')
    devices = gpus or tf.config.list_logical_devices('CPU')
    return tf.distribute.MirroredStrategy([device.name for device in devices])
  if name == 'multi_worker':
    text = os.environ.get('TF_CONFIG', '')
    _check_workers(text)
    return _join_workers(text, wait_limit_s, check)
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


def is_one_of_many(strategy: tf.distribute.Strategy | None) -> bool:
  """Returns whether this process is one of several workers.

  Args:
    strategy: Of `make`, or None.
  """
  return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def _join_workers(
  text: str, wait_limit_s: float, check: Callable[[], None]
) -> tf.distribute.Strategy:
  """Returns the strategy over all workers, once they are there."""
  config = json.loads(text)
  task, cluster = config['task'], config['cluster']
  own = cluster[task['type']][task['index']]
  addresses = [a for kind in _KINDS for a in cluster.get(kind, ())]
  print(
    "learner: TensorFlow's worker listens on every network interface, port "
    f'{own.rpartition(":")[2]}, and asks no one for a password; keep strangers '
    'out (docs/deploy/security.md)',
    flush=True,
  )
  others = [address for address in addresses if address != own]
  rendezvous.meet(own, others, limit_s=wait_limit_s, check=check)
  strategy = tf.distribute.MultiWorkerMirroredStrategy()
  _hear_signals_again()
  return strategy


def _hear_signals_again() -> None:
  """Gives SIGTERM back to Python, from which TensorFlow's workers take it."""
  handler = signal.getsignal(signal.SIGTERM)
  # Python lets no other thread say who hears a signal.
  known = handler is not None  # Else it was set past Python.
  if known and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, handler)


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
  jobs = {name: cluster[name] for name in _KINDS if name in cluster}
  if not jobs:
    return 'lists no workers'
  for addresses in jobs.values():
    if not _are_addresses(addresses):
      return 'must list addresses as host:port'
  everybody = [address for addresses in jobs.values() for address in addresses]
  if len(set(everybody)) < len(everybody):
    return 'must list each address once'
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
