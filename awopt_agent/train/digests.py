"""One checksum over all that a checkpoint holds of an agent."""

import collections
import hashlib
from typing import Any

import tensorflow as tf

__all__ = ['digest', 'named_variables']


def digest(module: tf.Module) -> str:
  """Returns a sum of every variable's name, type, shape and bytes."""
  total = hashlib.sha256()
  for name, variable in named_variables(module):
    value = variable.numpy()
    total.update(f'{name} {value.dtype} {value.shape}\n'.encode())
    total.update(value.tobytes())
  return total.hexdigest()


def named_variables(module: tf.Module) -> list[tuple[str, tf.Variable]]:
  """Returns the variables that `tf.train.Checkpoint` would save.

  Those of Keras optimisers are among them, which a `tf.Module` does not list.

  Args:
    module: To walk through.

  Returns:
    Each variable with its shortest path, sorted: the same in every process
    that builds the same module.
  """
  view = tf.train.TrackableView(module)
  # The objects stay alive: some are made on the way, and identities reused.
  seen: dict[int, Any] = {id(module): module}
  found = []
  queue = collections.deque([('', module)])
  while queue:
    path, node = queue.popleft()
    if isinstance(node, tf.Variable):
      found.append((path, node))
    for name, child in sorted(view.children(node).items()):
      if id(child) not in seen:
        seen[id(child)] = child
        queue.append((f'{path}/{name}', child))
  return sorted(found, key=lambda pair: pair[0])
