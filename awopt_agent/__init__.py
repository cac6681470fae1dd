"""AW-Opt: robot skills from demonstrations, improved by practice.

An open implementation of Lu et al., AW-Opt: Learning Robotic Skills with
Imitation and Reinforcement at Scale, CoRL 2021 (arXiv:2111.05424), as a
TF-Agents agent and the system around it.

The names below are imported when they are first used: the binaries silence
TensorFlow before it is loaded, and nobody loads PyBullet or Reverb who needs
only the agent.
"""

import importlib
from typing import Any

__version__ = '0.1.0'

_HOMES = {
  'ActionLimits': 'awopt_agent.serving.limits',
  'Actor': 'awopt_agent.learning.networks.base',
  'ActorConfig': 'awopt_agent.agent',
  'AwOptAgent': 'awopt_agent.agent',
  'CemConfig': 'awopt_agent.learning.cem',
  'Critic': 'awopt_agent.learning.networks.base',
  'ControlLoop': 'awopt_agent.serving.control.loop',
  'CriticConfig': 'awopt_agent.agent',
  'Episode': 'awopt_agent.structs',
  'Experience': 'awopt_agent.structs',
  'ExplorationConfig': 'awopt_agent.policies.exploration',
  'Follower': 'awopt_agent.serving.follower',
  'LabellingObserver': 'awopt_agent.experience.labelling',
  'LoopConfig': 'awopt_agent.serving.control.loop',
  'Observed': 'awopt_agent.serving.control.robot',
  'ObservedPosition': 'awopt_agent.serving.limits',
  'Predictor': 'awopt_agent.serving.predictor',
  'Recording': 'awopt_agent.serving.control.recording',
  'Robot': 'awopt_agent.serving.control.robot',
  'RobotProcess': 'awopt_agent.serving.control.process',
}

__all__ = ['__version__', *_HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
  if name not in _HOMES:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
  return sorted(__all__)
