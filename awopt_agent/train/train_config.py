"""How long a run trains, and on what."""

import dataclasses
from typing import Any

import gin

from awopt_agent.demos import demonstrations as demonstrations_lib
from awopt_agent.experience import augmentation

__all__ = ['TrainConfig']


_AT_LEAST_ONE = (
  'batch_size',
  'num_envs',
  'num_parallel_environments',
  'round_steps',
  'eval_every',
  'eval_episodes',
  'final_eval_episodes',
  'summary_every',
)


@gin.configurable
@dataclasses.dataclass(frozen=True)
class TrainConfig:
  """How long a run trains, and on what.

  Attributes:
    demonstrations: Folder or TFDS name of the demonstrations, or a list of
      `@Demonstrations()`, each with a split, a weight and a mapping.
    split: Of the demonstrations, where they are one folder or name.
    strict_demonstrations: Whether an episode that cannot be learnt from ends
      the run before it begins; else it is passed over, and named.
    offline: Whether there is no environment: the demonstrations tell the
      specs, and nothing is practised or evaluated.
    pretrain_steps: Learner steps on demonstrations alone.
    practice_episodes: Episodes of practice after that.
    replay_ratio: Learner steps for each environment step of practice.
    batch_size: Transitions in a batch.
    success_fraction: Share of each batch from the success table; None draws
      in proportion to the tables' sizes.
    success_threshold: An episode whose return reaches it is a success.
    num_envs: Environments that practise.
    num_parallel_environments: Processes over which they are spread; those of
      one process step together. The learner needs a core beside them.
    round_steps: Environment steps, all environments together, that are
      practised while the learner does its share; then each waits for the
      other.
    eval_every: Episodes of practice between evaluations.
    eval_episodes: Episodes of an evaluation on the way, for each policy.
    final_eval_episodes: Episodes of the evaluations after pre-training and at
      the end, for each policy.
    eval_headline_only: Whether only the policy is evaluated by which the run is
      judged at the time; see `evaluation.judged`.
    checkpoint_every: Learner steps between checkpoints.
    summary_every: Learner steps between TensorBoard summaries.
    augment: How images change in the learner's batches; bind AugmentConfig.
  """

  demonstrations: Any = gin.REQUIRED
  split: str = 'train'
  strict_demonstrations: bool = False
  offline: bool = False
  pretrain_steps: int = gin.REQUIRED
  practice_episodes: int = gin.REQUIRED
  replay_ratio: float = 1.0
  batch_size: int = 128
  success_fraction: float | None = 0.5
  success_threshold: float = 0.5
  num_envs: int = 16
  num_parallel_environments: int = 1
  round_steps: int = 320
  eval_every: int = 1000
  eval_episodes: int = 48
  final_eval_episodes: int = 200
  eval_headline_only: bool = False
  checkpoint_every: int = 5000
  summary_every: int = 200
  # Made here, so that a run's stored configuration knows its bindings.
  augment: augmentation.AugmentConfig = dataclasses.field(
    default_factory=augmentation.AugmentConfig
  )

  def __post_init__(self):
    for field in dataclasses.fields(self):
      self._check(field.name, field.type, getattr(self, field.name))
    if self.offline and self.practice_episodes:
      raise ValueError(
        'TrainConfig.offline has no environment to practise in, but '
        f'practice_episodes is {self.practice_episodes}; bind it to 0.'
      )
    fraction = self.success_fraction
    if fraction is not None and not 0 <= fraction <= 1:
      raise ValueError(
        f'TrainConfig.success_fraction must be in [0, 1] or None, got '
        f'{fraction}.'
      )
    if self.round_steps < self.num_parallel_environments:
      raise ValueError(
        'TrainConfig.round_steps must be >= num_parallel_environments '
        f'({self.num_parallel_environments}), a step for each process, got '
        f'{self.round_steps}.'
      )

  @property
  def sets(self) -> list[demonstrations_lib.Demonstrations]:
    """The sets of demonstrations."""
    return demonstrations_lib.as_sets(self.demonstrations, self.split)

  def _check(self, name: str, kind: Any, value: Any) -> None:
    if name == 'demonstrations':
      demonstrations_lib.as_sets(value, self.split)
      return
    not_numbers = (str, augmentation.AugmentConfig)
    if not isinstance(value, kind if kind in not_numbers else kind | int):
      raise ValueError(
        f'TrainConfig.{name} must be {getattr(kind, "__name__", kind)}, got '
        f'{value!r}.'
      )
    if name in ('success_threshold', 'success_fraction'):
      return
    if kind in not_numbers:
      return
    if name == 'replay_ratio' and not value > 0:
      raise ValueError(f'TrainConfig.replay_ratio must be > 0, got {value}.')
    least = 1 if name in _AT_LEAST_ONE else 0
    if float(value) < least:
      raise ValueError(f'TrainConfig.{name} must be >= {least}, got {value}.')
