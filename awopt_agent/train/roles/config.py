"""How the roles of a run work together."""

import dataclasses

import gin

__all__ = ['RayConfig', 'RolesConfig']


@gin.configurable
@dataclasses.dataclass(frozen=True)
class RolesConfig:
  """What only a run of many processes needs; the rest is `TrainConfig`'s.

  Attributes:
    max_lead_steps: Environment steps by which practice, and learner steps, as
      many times `TrainConfig.replay_ratio`, by which the learner may be ahead
      of the other.
    publish_every_s: Seconds between publications of the learner's weights.
    pull_every_s: Seconds between looks at newer weights, and at counters.
    wait_limit_s: Seconds that a role waits for another, before it ends with an
      error.
    max_spool_mb: Disk that a collector takes for episodes which are not in a
      checkpoint of the replay yet; it stops to practise when they are more.
    max_labelled_batches: Batches with targets that wait for the learner.
    max_target_age: Learner steps after which a target is not learnt from.
    restart_limit: Failures in a row, each within a minute of its start or, of
      the learner, without a new checkpoint since the last, after which a role
      is not started again.
  """

  max_lead_steps: int = 2000
  publish_every_s: float = 1.0
  pull_every_s: float = 0.5
  wait_limit_s: float = 600.0
  max_spool_mb: int = 2000
  max_labelled_batches: int = 4
  max_target_age: int = 400
  restart_limit: int = 4

  def __post_init__(self):
    for name, value in dataclasses.asdict(self).items():
      if not value > 0:
        raise ValueError(f'RolesConfig.{name} must be > 0, got {value}.')


@gin.configurable
@dataclasses.dataclass(frozen=True)
class RayConfig:
  """What each role asks of Ray, for `awopt-launch --ray_address`.

  Ray promises them and no more: a role that takes less leaves the rest idle,
  and none is held back to its share.

  Attributes:
    replay_cpus: CPUs of the replay role; may be a part of one.
    learner_cpus: CPUs of the learner.
    learner_gpus: GPUs of the learner; None for one, where there is any.
    collector_cpus: CPUs of each collector.
    bellman_updater_cpus: CPUs of each Bellman updater.
    evaluator_cpus: CPUs of the evaluator.
  """

  replay_cpus: float = 1
  learner_cpus: float = 1
  learner_gpus: float | None = None
  collector_cpus: float = 1
  bellman_updater_cpus: float = 1
  evaluator_cpus: float = 1

  def __post_init__(self):
    for name, value in dataclasses.asdict(self).items():
      if value is not None and not value >= 0:
        raise ValueError(f'RayConfig.{name} must be >= 0, got {value}.')

  def cpus(self, kind: str) -> float:
    """Returns the CPUs that a role asks for.

    Args:
      kind: Of the role, such as 'collector'.
    """
    return getattr(self, f'{kind}_cpus')
