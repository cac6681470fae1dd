"""Who takes part in a robot's loop: the robot, a policy, and a human."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from awopt_agent.serving import parts as parts_lib

__all__ = ['Human', 'Observed', 'Policy', 'Robot']


class Observed(NamedTuple):
  """What a robot sees.

  Attributes:
    observation: One observation, nested as the policy takes it.
    time_s: When it was true: the time of its oldest picture or reading, by
      `time.monotonic()` of this machine, seconds. Not when it was asked for:
      by this time the loop notices a camera that stands still.
  """

  observation: Any
  time_s: float


class Robot(Protocol):
  """A robot; `observe` and `act` may raise whatever they like.

  Each is called in a thread of its own, one at a time, but `stop` comes from
  any thread and at any time, while `act` or `observe` hangs too.
  """

  def observe(self) -> Observed:
    """Returns the newest observation; it is copied before it is used."""

  def act(self, action: Any) -> None:
    """Begins an action, and returns before the next one is due."""

  def stop(self) -> None:
    """Stops all motion now, within 100 ms; safe when it stands already.

    It also comes at the end of every episode, and once more after an `act`
    that came back too late. What then lets the robot move again is up to the
    `prepare` of the next episode.
    """


class Human(Protocol):
  """Somebody with a joystick, who may take over."""

  def action(self, observation: Any) -> Any | None:
    """Returns an action in place of the policy's, or None to leave it to it.

    It is bounded as the policy's are.
    """


class Policy(Protocol):
  """What the loop needs of a `Predictor`."""

  policy: str

  @property
  def version(self) -> int:
    """Training step of its weights."""

  @property
  def observation_spec(self) -> Sequence[parts_lib.Part]:
    """Parts of an observation."""

  @property
  def action_spec(self) -> Sequence[parts_lib.Part]:
    """Parts of an action."""

  def predict(self, observation: Any) -> Any:
    """Chooses an action for one observation."""

  def bound(self, observation: Any, action: Any) -> Any:
    """Bounds somebody else's action for one observation."""
