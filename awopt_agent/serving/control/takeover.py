"""Who acts: the policy, or a human in its place."""

from typing import Any, NamedTuple

from awopt_agent import structs
from awopt_agent.serving import limits, parts
from awopt_agent.serving.control import robot

__all__ = ['Choice', 'Chooser', 'HumanActionError']


class HumanActionError(ValueError):
  """A human's action that cannot be done."""


class Choice(NamedTuple):
  """An action, and who chose it.

  Attributes:
    action: Nested as the policy's are.
    source: `DEMONSTRATION` for a human.
  """

  action: Any
  source: structs.Source


class Chooser:
  """Asks the human first, then the policy."""

  def __init__(self, policy: robot.Policy, human: robot.Human | None = None):
    """Prepares.

    Args:
      policy: Who acts where the human does not.
      human: Who may take over at any step, and give back at any.
    """
    self._policy = policy
    self._human = human
    self._source = (
      structs.Source.CEM
      if policy.policy.startswith('cem')
      else structs.Source.ACTOR
    )

  def __call__(self, observation: Any) -> Choice:
    """Chooses.

    Args:
      observation: One that fits the spec.

    Raises:
      HumanActionError: If the human's action does not fit the spec.
      FloatingPointError: If the policy's answer is not finite.
    """
    taken = self._human and self._human.action(observation)
    if taken is not None:
      try:
        action = self._policy.bound(observation, taken)
      except ValueError as error:
        raise HumanActionError(f'who took over: {error}') from error
      return Choice(action, structs.Source.DEMONSTRATION)
    action = self._policy.predict(observation)
    limits.check_finite(
      parts.flatten(self._policy.action_spec, action, 'action')
    )
    # One that explores says itself who chose.
    return Choice(action, getattr(self._policy, 'source', self._source))
