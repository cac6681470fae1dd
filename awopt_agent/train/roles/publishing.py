"""The learner's weights on their way to those who act, or compute targets."""

import math
import time

from awopt_agent import agent as agent_lib
from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.experience.wire import weights

__all__ = ['Publishing']

# A quarter of the age is left for the way to the updaters and back, thrice.
_TIMES_AN_AGE = 4


class Publishing:
  """Publishes what collectors, evaluator and updaters read."""

  def __init__(
    self,
    agent: agent_lib.AwOptAgent,
    connection: connection_lib.Connection,
    *,
    every_s: float,
    max_target_age: int | None = None,
  ):
    """Publishes nothing yet.

    Args:
      agent: That learns.
      connection: To the replay server.
      every_s: Seconds between two times.
      max_target_age: Learner steps, if Bellman updaters compute the targets,
        and need weights too: well before those of now are so old.
    """
    sent = {weights.ACTING: agent.acting_variables}
    self._every_steps = math.inf
    if max_target_age is not None:
      sent[weights.TARGET] = [agent.train_step_counter, *agent.target_variables]
      self._every_steps = max(1, max_target_age // _TIMES_AN_AGE)
    self._step = agent.train_step_counter
    self._publishers = [
      weights.Publisher(connection, name, variables)
      for name, variables in sent.items()
    ]
    self._every_s = every_s
    self._published_at = -math.inf
    self._published_step = 0

  def publish(self, *, finished: bool = False) -> None:
    """Publishes the weights of now.

    Args:
      finished: Whether they are the last ones.

    Raises:
      TimeoutError: If the replay server takes none.
    """
    for publisher in self._publishers:
      publisher.publish(finished=finished)
    self._published_at = time.monotonic()
    self._published_step = int(self._step.numpy())

  def publish_when_due(self) -> None:
    """Publishes, if the last time is long enough ago.

    Raises:
      TimeoutError: As `publish`.
    """
    steps = int(self._step.numpy()) - self._published_step
    seconds = time.monotonic() - self._published_at
    if seconds > self._every_s or steps >= self._every_steps:
      self.publish()

  def publish_to_the_waiting(self) -> None:
    """Gives updaters the weights for which they, and so the learner, may wait.

    A new replay server has none, and of those that it has all targets may be
    too old.
    """
    try:
      if any(publisher.is_lost() for publisher in self._publishers):
        self.publish()
      self.publish_when_due()
    except TimeoutError:
      pass  # It is not up yet; the watch ends what lasts too long.
