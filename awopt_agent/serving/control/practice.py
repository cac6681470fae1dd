"""The policy that explores, in an episode of a robot's loop."""

from typing import Any

import numpy as np

from awopt_agent import structs
from awopt_agent.serving import parts, signatures

__all__ = ['Practice']

_STEP_TYPE = 'step_type'
_FIRST, _MID = 0, 1


class Practice:
  """Acts for one episode by the signature `practice` of an export.

  Attributes:
    policy: 'practice'.
    source: Who chose the latest action: actor or CEM.
  """

  policy = signatures.PRACTICE

  def __init__(self, predictor: Any):
    """Begins an episode; chance is drawn afresh.

    Args:
      predictor: A `Predictor`.

    Raises:
      ValueError: If its export has no such signature.
    """
    self._predictor = predictor
    self._state = predictor.run(
      signatures.PRACTICE + signatures.INITIAL_STATE,
      {'batch_size': np.int32(1)},
    )
    self._step_type = _FIRST
    self.source = structs.Source.ACTOR

  @property
  def version(self) -> int:
    """Training step of its weights."""
    return self._predictor.version

  @property
  def observation_spec(self) -> tuple[parts.Part, ...]:
    """Parts of an observation."""
    return self._predictor.observation_spec

  @property
  def action_spec(self) -> tuple[parts.Part, ...]:
    """Parts of an action."""
    return self._predictor.action_spec

  def predict(self, observation: Any) -> Any:
    """Chooses an action for one observation; see `Predictor.predict`."""
    seen = parts.flatten(self.observation_spec, observation, 'observation')
    arrays = {name: np.asarray(value)[None] for name, value in seen.items()}
    step_type = np.array([self._step_type], np.int32)
    outputs = self._predictor.run(
      signatures.PRACTICE, {**arrays, _STEP_TYPE: step_type, **self._state}
    )
    self._step_type = _MID
    self._state = {name: outputs[name] for name in self._state}
    if 'info_source' in outputs:
      self.source = structs.Source(int(outputs['info_source'][0]))
    return parts.pack(
      self.action_spec,
      {part.name: outputs[part.name][0] for part in self.action_spec},
    )

  def bound(self, observation: Any, action: Any) -> Any:
    """Bounds somebody else's action; see `Predictor.bound`."""
    return self._predictor.bound(observation, action)
