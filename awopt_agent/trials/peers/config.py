"""The numbers of the peers, in d3rlpy's own names and with its defaults."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import gin

from awopt_agent import agent as agent_lib
from awopt_agent.learning.networks import mlp
from awopt_agent.train import config as config_lib

__all__ = [
  'PEERS',
  'AwacPeer',
  'CalQlPeer',
  'IqlPeer',
  'PeerConfig',
  'follow_awopt',
]


@gin.configurable
@dataclasses.dataclass(frozen=True)
class PeerConfig:
  """What all peers have; `follow_awopt` binds the first three.

  Attributes:
    gamma: Discount factor.
    layers: Width of each hidden layer, of every network.
    zooms: Magnified copies of the inputs.
    n_step: Rewards in a target before the critic's value.
    demonstration_fraction: Share of each batch from demonstrations; None draws
      from all transitions alike.
    actor_weight_decay: Of AdamW; 0 is d3rlpy's Adam.
    critic_weight_decay: Likewise.
  """

  gamma: float = agent_lib.CriticConfig.gamma
  layers: Sequence[int] = mlp.LAYERS
  zooms: Sequence[float] = mlp.ZOOMS
  n_step: int = 1
  demonstration_fraction: float | None = None
  actor_weight_decay: float = 0.0
  critic_weight_decay: float = 0.0

  def __post_init__(self):
    if not 0 <= self.gamma <= 1:
      raise ValueError(f'PeerConfig.gamma must be in [0, 1], got {self.gamma}.')
    if self.n_step < 1:
      raise ValueError(f'PeerConfig.n_step must be >= 1, got {self.n_step}.')
    share = self.demonstration_fraction
    if share is not None and not 0 <= share <= 1:
      raise ValueError(
        'PeerConfig.demonstration_fraction must be in [0, 1] or None, got '
        f'{share}.'
      )
    for name in ('actor_weight_decay', 'critic_weight_decay'):
      if not getattr(self, name) >= 0:
        raise ValueError(
          f'PeerConfig.{name} must be >= 0, got {getattr(self, name)}.'
        )

  def settings(self, peer: Any, batch_size: int) -> dict[str, Any]:
    """Returns what the peer's process starts with.

    Args:
      peer: One of `PEERS`' records.
      batch_size: Transitions in a batch.
    """
    return {
      'replay': {
        'n_step': self.n_step,
        'gamma': self.gamma,
        'demonstration_fraction': self.demonstration_fraction,
      },
      'algorithm': {
        'layers': list(self.layers),
        'weight_decay': {
          'actor': self.actor_weight_decay,
          'critic': self.critic_weight_decay,
        },
        'settings': {
          **dataclasses.asdict(peer),
          'gamma': self.gamma,
          'batch_size': batch_size,
        },
      },
    }


@gin.configurable
@dataclasses.dataclass(frozen=True)
class AwacPeer:
  """AWAC (Nair et al., 2020, arXiv:2006.09359), d3rlpy's `AWACConfig`.

  Attributes:
    actor_learning_rate: Of Adam.
    critic_learning_rate: Likewise.
    tau: Share of the critic by which its targets move at each step.
    lam: Temperature: advantage, in return units, that multiplies a weight by
      e.
    n_action_samples: The actor's actions in an advantage.
    n_critics: Whose minimum counts.
    entropy_temperature: Weight of the entropy in the target. d3rlpy 2.8.1
      itself has SAC's target with 1, by which values are of the entropy alone;
      AWAC's has none, and d3rlpy 1 had 1e-20.
  """

  actor_learning_rate: float = 3e-4
  critic_learning_rate: float = 3e-4
  tau: float = 0.005
  lam: float = 1.0
  n_action_samples: int = 1
  n_critics: int = 2
  entropy_temperature: float = 1e-20


@gin.configurable
@dataclasses.dataclass(frozen=True)
class IqlPeer:
  """IQL (Kostrikov et al., 2021, arXiv:2110.06169), d3rlpy's `IQLConfig`.

  Attributes:
    actor_learning_rate: Of Adam.
    critic_learning_rate: Likewise, of critics and value.
    tau: Share of the critic by which its targets move at each step.
    n_critics: Whose minimum counts.
    expectile: Of the critics' values, which the value learns.
    weight_temp: Inverse temperature, per unit of return.
    max_weight: Upper clip of a weight.
  """

  actor_learning_rate: float = 3e-4
  critic_learning_rate: float = 3e-4
  tau: float = 0.005
  n_critics: int = 2
  expectile: float = 0.7
  weight_temp: float = 3.0
  max_weight: float = 100.0


@gin.configurable
@dataclasses.dataclass(frozen=True)
class CalQlPeer:
  """Cal-QL (Nakamoto et al., 2023, arXiv:2303.05479), d3rlpy's `CalQLConfig`.

  Attributes:
    actor_learning_rate: Of Adam.
    critic_learning_rate: Likewise.
    temp_learning_rate: Of SAC's temperature; 0 keeps it.
    alpha_learning_rate: Of the weight of conservatism; 0 keeps it.
    tau: Share of the critic by which its targets move at each step.
    n_critics: Whose minimum counts.
    initial_temperature: SAC's, in return units.
    initial_alpha: Weight of conservatism at the beginning.
    alpha_threshold: Gap of values, in return units, at which that weight stays.
    conservative_weight: Constant factor of conservatism.
    n_action_samples: Of each kind, in the gap.
    soft_q_backup: Whether the entropy is in the target.
    max_q_backup: Whether the target is the best of some actions.
  """

  actor_learning_rate: float = 1e-4
  critic_learning_rate: float = 3e-4
  temp_learning_rate: float = 1e-4
  alpha_learning_rate: float = 1e-4
  tau: float = 0.005
  n_critics: int = 2
  initial_temperature: float = 1.0
  initial_alpha: float = 1.0
  alpha_threshold: float = 10.0
  conservative_weight: float = 5.0
  n_action_samples: int = 10
  soft_q_backup: bool = False
  max_q_backup: bool = False


# Numbers that a comparison has in common, and where AW-Opt has them.
_COMMON = {
  'PeerConfig.gamma': 'CriticConfig.gamma',
  'PeerConfig.layers': 'MlpActor.layers',
  'PeerConfig.zooms': 'MlpActor.zooms',
}


def follow_awopt() -> None:
  """Binds what peers share with AW-Opt as a trial binds it for AW-Opt.

  What is bound for the peers themselves stays.
  """
  with gin.unlock_config():
    for name, ours in _COMMON.items():
      value = config_lib.bound(name, config_lib.bound(ours, None))
      if value is not None:
        gin.bind_parameter(name, value)


PEERS = {'awac': AwacPeer, 'iql': IqlPeer, 'cal_ql': CalQlPeer}
