"""What the replicas of a learner tell each other under `tf.distribute`.

N replicas that take B / N transitions each must learn what one learns from all
B. Without a strategy, or with a single replica, nothing here adds an operation.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ['check_inside', 'count', 'gather', 'mean', 'own_rows', 'update']


def count() -> int:
  """Returns how many replicas run the surrounding function; 1 outside."""
  if tf.distribute.in_cross_replica_context():
    return 1
  return tf.distribute.get_strategy().num_replicas_in_sync


def check_inside(variable: tf.Variable) -> None:
  """Refuses to change a replicated variable where no replica is.

  Raises:
    ValueError: If the variable was made in the scope of a strategy, which does
      not run this.
  """
  inside = tf.distribute.has_strategy() and not (
    tf.distribute.in_cross_replica_context()
  )
  if isinstance(variable, tf.distribute.DistributedValues) and not inside:
    raise ValueError(
      f'{variable.name} was made in the scope of a strategy: train by '
      'strategy.run(agent.train, ...), as train.learner.Learner does.'
    )


def mean(values: Any) -> Any:
  """Averages each part over all replicas.

  Args:
    values: Nest of float tensors and Nones; of equal structure and shapes in
      all replicas.

  Returns:
    The same nest, equal bit for bit in all replicas; what is not finite in one
    is not finite in any.
  """
  if count() == 1:
    return values
  flat = tf.nest.flatten(values)
  means = iter(
    tf.distribute.get_replica_context().all_reduce(
      tf.distribute.ReduceOp.MEAN, [x for x in flat if x is not None]
    )
  )
  return tf.nest.pack_sequence_as(
    values, [None if x is None else next(means) for x in flat]
  )


def gather(rows: tf.Tensor) -> tf.Tensor:
  """Joins the rows `[B, ...]` of N replicas to `[N B, ...]`, in each of them.

  Args:
    rows: Of float type; of equal shape in all replicas.
  """
  if count() == 1:
    return rows
  return tf.distribute.get_replica_context().all_gather(rows, axis=0)


def own_rows(rows: tf.Tensor) -> tf.Tensor:
  """Returns this replica's part of what `gather` joined."""
  if count() == 1:
    return rows
  parts = tf.reshape(rows, tf.concat([[count(), -1], tf.shape(rows)[1:]], 0))
  context = tf.distribute.get_replica_context()
  return parts[context.replica_id_in_sync_group]


def update(change: Callable[[Callable[..., None]], None]) -> None:
  """Changes variables in all replicas at once.

  A variable of a replica may not be assigned where control flow branches, and
  elsewhere only if it was made with an aggregation, which networks of a user
  need not know about.

  Args:
    change: Called once for all replicas as `change(assign)`, where
      `assign(function, variable, *others)` calls `function(variable, *others)`
      on each replica's own copies of these variables.
  """

  def merged(strategy):
    def assign(function, variable, *others):
      strategy.extended.update(variable, function, args=others, group=False)

    change(assign)

  tf.distribute.get_replica_context().merge_call(merged)
