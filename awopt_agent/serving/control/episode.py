"""What happened in an episode of a robot's loop."""

import dataclasses
from typing import Any, NamedTuple

from awopt_agent import structs
from awopt_agent.serving.control import faults, timing

__all__ = ['Played', 'Trace']


@dataclasses.dataclass
class Trace:
  """An episode so far.

  Attributes:
    observations: One observation a step, nested as the policy takes it.
    times_s: `Observed.time_s` of each.
    actions: What was done in each; one less than observations behind one.
    sources: Who chose each action; a human's are demonstrations.
  """

  observations: list[Any] = dataclasses.field(default_factory=list)
  times_s: list[float] = dataclasses.field(default_factory=list)
  actions: list[Any] = dataclasses.field(default_factory=list)
  sources: list[structs.Source] = dataclasses.field(default_factory=list)

  @property
  def length(self) -> int:
    """Transitions: actions whose consequence was observed."""
    return max(0, len(self.observations) - 1)


class Played(NamedTuple):
  """An episode that is over; the robot stands.

  Attributes:
    trace: What happened.
    success: Whether the detector said so; never after a fault.
    fault: Why it was cut short, or None.
    timing: How well the loop kept its time.
    policy: Kind of the policy.
    version: Training step of the policy.
  """

  trace: Trace
  success: bool
  fault: faults.Fault | None
  timing: timing.TimingSummary
  policy: str
  version: int
