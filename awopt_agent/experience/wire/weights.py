"""Weights on their way from the learner, by TF-Agents' variable container."""

from collections.abc import Sequence

import reverb
import tensorflow as tf
from tf_agents.experimental.distributed import reverb_variable_container

from awopt_agent.experience.wire import connection as connection_lib

__all__ = ['ACTING', 'TARGET', 'Publisher', 'Subscriber', 'make_table']

ACTING = 'acting_weights'
TARGET = 'target_weights'


def make_table(name: str, variables: Sequence[tf.Variable]) -> reverb.Table:
  """Makes the table that holds the newest weights.

  Args:
    name: `ACTING` or `TARGET`.
    variables: What it holds, but for values.
  """
  return reverb.Table(
    name=name,
    sampler=reverb.selectors.Fifo(),
    remover=reverb.selectors.Fifo(),
    max_size=1,
    rate_limiter=reverb.rate_limiters.MinSize(1),
    signature=[
      tf.TensorSpec([], tf.int32, 'finished'),
      *(tf.TensorSpec(v.shape, v.dtype) for v in variables),
    ],
  )


class _Container:
  """TF-Agents' container, whose every call waits without a limit."""

  def __init__(
    self,
    connection: connection_lib.Connection,
    table: str,
    variables: Sequence[tf.Variable],
  ):
    self._connection = connection
    self._table = table
    self._finished = tf.Variable(0, trainable=False, name='finished')
    self._variables = [self._finished, *variables]
    self._container: (
      reverb_variable_container.ReverbVariableContainer | None
    ) = None

  def _call(self, function, what: str, limit_s: float):
    return self._connection.call(
      function, what=what, table=self._table, limit_s=limit_s
    )

  def _connected(self, limit_s: float):
    if self._container is None:
      self._container = self._call(
        lambda: reverb_variable_container.ReverbVariableContainer(
          self._connection.address, [self._table]
        ),
        'for the table of weights',
        limit_s,
      )
    return self._container

  def _version(self, limit_s: float = 5.0) -> int:
    """Returns how often weights were published; a new server begins anew."""
    info = self._connection.info(self._table, limit_s=limit_s)
    if not info.current_size:
      return 0
    return info.rate_limiter_info.insert_stats.completed


class Publisher(_Container):
  """The learner's side."""

  def publish(self, *, finished: bool = False, limit_s: float = 30.0) -> None:
    """Sends the weights of now.

    Args:
      finished: Whether they are the last.
      limit_s: Seconds.

    Raises:
      TimeoutError: If the server does not answer.
    """
    container = self._connected(limit_s)
    self._version(limit_s)  # It answers, so a push does not hang.
    self._finished.assign(int(finished))
    self._call(
      lambda: container.push(
        [tf.identity(v) for v in self._variables], self._table
      ),
      'to publish weights',
      limit_s,
    )

  def is_lost(self) -> bool:
    """Tells whether the server holds no weights, as after a new start."""
    return self._version() == 0


class Subscriber(_Container):
  """The side of who acts or computes targets.

  Attributes:
    finished: Whether the learner said that these weights are the last.
  """

  def __init__(
    self,
    connection: connection_lib.Connection,
    table: str,
    variables: Sequence[tf.Variable],
  ):
    """Reads nothing yet.

    Args:
      connection: To the replay server.
      table: `ACTING` or `TARGET`.
      variables: That take the weights' values.
    """
    super().__init__(connection, table, variables)
    self._seen = 0
    self.finished = False

  def pull(self, *, limit_s: float = 30.0) -> bool:
    """Takes the newest weights, if they are newer.

    Args:
      limit_s: Seconds.

    Returns:
      Whether they were.

    Raises:
      TimeoutError: If the server does not answer.
    """
    version = self._version(limit_s)
    if version in (0, self._seen):
      self._seen = version  # After 0 a new server's first is newer.
      return False
    container = self._connected(limit_s)
    self._call(
      lambda: container.update(self._variables, self._table),
      'to read weights',
      limit_s,
    )
    self._seen = version
    self.finished = bool(self._finished.numpy())
    return True
