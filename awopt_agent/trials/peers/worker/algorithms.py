"""d3rlpy's algorithms, made from the numbers that a trial binds."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import d3rlpy
import torch

__all__ = ['make']

_CONFIGS = {
  'awac': d3rlpy.algos.AWACConfig,
  'iql': d3rlpy.algos.IQLConfig,
  'cal_ql': d3rlpy.algos.CalQLConfig,
}
_ENCODER, _OPTIMIZER = '_encoder_factory', '_optim_factory'


def make(
  peer: str,
  observation_size: int,
  action_size: int,
  *,
  layers: Sequence[int],
  weight_decay: Mapping[str, float],
  settings: Mapping[str, Any],
) -> Any:
  """Makes an algorithm with fresh weights.

  Args:
    peer: `awac`, `iql` or `cal_ql`.
    observation_size: O.
    action_size: A.
    layers: Width of each hidden layer, of every network.
    weight_decay: Of AdamW, for `actor` and `critic`; 0 is d3rlpy's Adam.
    settings: Arguments of d3rlpy's configuration, by name; and, of AWAC,
      `entropy_temperature`.

  Returns:
    d3rlpy's algorithm, on the CPU.
  """
  settings = dict(settings)
  temperature = settings.pop('entropy_temperature', None)
  config = _CONFIGS[peer]
  names = {field.name for field in dataclasses.fields(config)}
  for name in names:
    if name.endswith(_ENCODER):
      settings[name] = d3rlpy.models.VectorEncoderFactory(list(layers))
  for part, decay in weight_decay.items():
    if decay:
      settings[part + _OPTIMIZER] = d3rlpy.optimizers.AdamWFactory(
        weight_decay=decay
      )
  algorithm = config(**settings).create(device=False)
  algorithm.create_impl((observation_size,), action_size)
  if temperature is not None:
    _set_temperature(algorithm, temperature)
  return algorithm


def _set_temperature(algorithm: Any, temperature: float) -> None:
  # AWAC takes SAC's target, whose entropy no setting of its own weighs.
  (log_temperature,) = algorithm.impl.modules.log_temp.parameters()
  with torch.no_grad():
    log_temperature.fill_(math.log(temperature))
