"""Who says that an episode is over, and whether it succeeded."""

from collections.abc import Callable
from typing import Any

from awopt_agent.serving.control import episode as episode_lib
from awopt_agent.serving.control import stops

__all__ = ['Detector', 'at_end', 'by_key', 'first_of', 'when']

# Takes the episode up to its newest observation, and whether it ends here in
# any case. Returns True for a success, which ends it, False for a failure,
# which does so too, and None where it has nothing to say.
Detector = Callable[[episode_lib.Trace, bool], bool | None]


def when(holds: Callable[[Any], bool], *, steps: int = 1) -> Detector:
  """Ends an episode with success once something holds.

  Args:
    holds: Tells it of an observation.
    steps: For so many steps in a row.

  Raises:
    ValueError: If `steps` is below 1.
  """
  if steps < 1:
    raise ValueError(f'steps must be >= 1, got {steps}.')

  def detect(trace: episode_lib.Trace, ended: bool) -> bool | None:
    del ended
    latest = trace.observations[-steps:]
    return (len(latest) == steps and all(map(holds, latest))) or None

  return detect


def at_end(holds: Callable[[Any], bool]) -> Detector:
  """Asks the last observation alone whether the episode succeeded."""

  def detect(trace: episode_lib.Trace, ended: bool) -> bool | None:
    return bool(holds(trace.observations[-1])) if ended else None

  return detect


def by_key(success: stops.Button, failure: stops.Button) -> Detector:
  """Lets a human end an episode, by two keys or buttons."""

  def detect(trace: episode_lib.Trace, ended: bool) -> bool | None:
    del trace, ended
    # Both are asked, so that neither waits for the next episode.
    failed, succeeded = failure(), success()
    return False if failed else succeeded or None

  return detect


def first_of(*detectors: Detector) -> Detector:
  """Asks several; the first that has something to say is believed."""

  def detect(trace: episode_lib.Trace, ended: bool) -> bool | None:
    verdicts = (one(trace, ended) for one in detectors)
    return next((found for found in verdicts if found is not None), None)

  return detect
