"""The cross-entropy method: maximises a score over action vectors.

It knows no policy and no network; whatever scores `[B, N, A]` candidates can
be maximised. Source: QT-Opt (arXiv:1806.10293) section 4.2.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import gin
import tensorflow as tf

__all__ = ['CemConfig', 'CemResult', 'centre', 'maximize']

# Share of a group's probability that is spread evenly after each round, so
# that no value of a discrete action is lost for good.
_SMOOTHING = 0.05


@gin.configurable
@dataclasses.dataclass(frozen=True)
class CemConfig:
  """How hard CEM searches; the defaults are QT-Opt's.

  Attributes:
    samples: N, candidates in each round.
    elites: M, best candidates that the next round is fitted to.
    rounds: Number of rounds.
    initial_std: Standard deviation of the first round, in the units of the
      codec ([-1, 1]).
    min_std: Floor of the fitted standard deviation, same units.
    candidate: When a candidate from outside competes: at the 'end' with the
      best of all rounds, or in 'each_round', where it may become an elite.
    dtype: In which a critic scores candidates: 'float32', or 'bfloat16' where
      the hardware gains from it; what is found is valued in float32.
  """

  samples: int = 64
  elites: int = 6
  rounds: int = 2
  initial_std: float = 1.0
  min_std: float = 0.02
  candidate: str = 'end'
  dtype: str = 'float32'

  def __post_init__(self):
    if not 1 <= self.elites <= self.samples:
      raise ValueError(
        f'CemConfig.elites must be in 1..samples ({self.samples}), got '
        f'{self.elites}.'
      )
    if self.rounds < 1:
      raise ValueError(f'CemConfig.rounds must be >= 1, got {self.rounds}.')
    if not self.initial_std > 0 or not self.min_std >= 0:
      raise ValueError(
        'CemConfig.initial_std must be > 0 and min_std >= 0, got '
        f'{self.initial_std} and {self.min_std}.'
      )
    if self.candidate not in ('end', 'each_round'):
      raise ValueError(
        "CemConfig.candidate must be 'end' or 'each_round', got "
        f'{self.candidate!r}.'
      )
    if self.dtype not in ('float32', 'bfloat16'):
      raise ValueError(
        f"CemConfig.dtype must be 'float32' or 'bfloat16', got {self.dtype!r}."
      )


class CemResult(NamedTuple):
  """The best candidate of all rounds.

  Attributes:
    action: `[B, A]`.
    score: `[B]`.
    candidate_won: bool `[B]`, where it is the candidate from outside, and no
      draw of the search equalled it.
  """

  action: tf.Tensor
  score: tf.Tensor
  candidate_won: tf.Tensor


class _Proposal(NamedTuple):
  """Where the next candidates are drawn: `[B, 1, C]`, `[B, 1, K]` each."""

  mean: tf.Tensor
  std: tf.Tensor
  probabilities: Sequence[tf.Tensor]


def maximize(
  score_fn: Callable[[tf.Tensor], tf.Tensor],
  *,
  batch_size: int | tf.Tensor,
  continuous_size: int,
  discrete_sizes: Sequence[int],
  seed: tf.Tensor,
  config: CemConfig,
  candidate: tf.Tensor | None = None,
  first_mean: tf.Tensor | None = None,
) -> CemResult:
  """Searches for the action of the highest score.

  All rows of the batch share their random numbers, so a row's result does
  not depend on the rows beside it.

  Args:
    score_fn: Maps `[B, N, A]` candidates to `[B, N]` scores.
    batch_size: B.
    continuous_size: Number of leading continuous entries of an action, each
      in [-1, 1].
    discrete_sizes: Length of each one-hot group after them.
    seed: int32 `[2]`; equal seeds give equal results.
    config: Sizes of the search.
    candidate: `[B, A]` action that competes as `config.candidate` says; None
      for none.
    first_mean: `[B, A]` action around which the first round is drawn; a group
      may hold probabilities. None for the middle of all, evenly.

  Returns:
    The best action seen in any round, or the candidate where it scores
    higher; ties go to what was seen first.

  Source: AW-Opt (arXiv:2111.05424) section 4.4 for candidate and first mean.
  """
  if first_mean is None:
    first_mean = tf.tile(
      [centre(continuous_size, discrete_sizes)], [batch_size, 1]
    )
  proposal = _propose(first_mean, continuous_size, discrete_sizes, config)
  best: CemResult | None = None
  for index in range(config.rounds):
    seed_of_round = tf.random.experimental.stateless_fold_in(seed, index)
    actions = _sample(proposal, config.samples, seed_of_round)
    if candidate is not None and config.candidate == 'each_round':
      actions = tf.concat([actions, candidate[:, tf.newaxis]], axis=1)
    scores = score_fn(actions)
    values, indices = tf.math.top_k(scores, config.elites)
    elites = tf.gather(actions, indices, batch_dims=1)
    # The candidate stands behind the draws.
    candidate_won = indices[:, 0] == config.samples
    best = _better(best, CemResult(elites[:, 0], values[:, 0], candidate_won))
    if index + 1 < config.rounds:
      proposal = _fit(elites, continuous_size, discrete_sizes, config)
  if candidate is not None and config.candidate == 'end':
    score = score_fn(candidate[:, tf.newaxis, :])[:, 0]
    won = tf.ones_like(score, tf.bool)
    best = _better(best, CemResult(candidate, score, won))
  assert best is not None  # At least one round, by CemConfig.
  return best


def centre(continuous_size: int, discrete_sizes: Sequence[int]) -> tf.Tensor:
  """Returns the action `[A]` that prefers nothing: where a search begins."""
  groups = [tf.fill([size], 1.0 / size) for size in discrete_sizes]
  return tf.concat([tf.zeros([continuous_size]), *groups], axis=0)


def _propose(mean, continuous_size, discrete_sizes, config) -> _Proposal:
  """Returns the first round's proposal, around `[B, A]`."""
  continuous, *groups = tf.split(
    mean[:, tf.newaxis], [continuous_size, *discrete_sizes], axis=-1
  )
  return _Proposal(
    mean=continuous,
    std=tf.fill(tf.shape(continuous), config.initial_std),
    probabilities=[_smooth(group) for group in groups],
  )


def _smooth(probabilities: tf.Tensor) -> tf.Tensor:
  size = probabilities.shape[-1]
  return (1 - _SMOOTHING) * probabilities + _SMOOTHING / size


def _sample(proposal: _Proposal, count: int, seed: tf.Tensor) -> tf.Tensor:
  """Draws `[B, N, A]` candidates."""
  seeds = tf.random.experimental.stateless_split(
    seed, 1 + len(proposal.probabilities)
  )
  width = proposal.mean.shape[-1]
  noise = tf.random.stateless_normal([1, count, width], seeds[0])
  continuous = tf.clip_by_value(proposal.mean + proposal.std * noise, -1.0, 1.0)
  groups = []
  for index, probabilities in enumerate(proposal.probabilities):
    size = probabilities.shape[-1]
    uniform = tf.random.stateless_uniform(
      [1, count, size], seeds[index + 1], minval=1e-7, maxval=1.0
    )
    # Gumbel's trick draws from the distribution by an argmax.
    gumbel = -tf.math.log(-tf.math.log(uniform))
    chosen = tf.argmax(tf.math.log(probabilities) + gumbel, axis=-1)
    groups.append(tf.one_hot(chosen, size))
  return tf.concat([continuous, *groups], axis=-1)


def _fit(elites, continuous_size, discrete_sizes, config) -> _Proposal:
  """Fits the next round's proposal to the elites `[B, M, A]`."""
  continuous, *groups = tf.split(
    elites, [continuous_size, *discrete_sizes], axis=-1
  )
  mean, variance = tf.nn.moments(continuous, axes=[1], keepdims=True)
  return _Proposal(
    mean=mean,
    std=tf.maximum(tf.sqrt(variance), config.min_std),
    probabilities=[
      _smooth(tf.reduce_mean(group, axis=1, keepdims=True)) for group in groups
    ],
  )


def _better(old: CemResult | None, new: CemResult) -> CemResult:
  if old is None:
    return new
  wins = new.score > old.score
  return CemResult(
    action=tf.where(wins[:, tf.newaxis], new.action, old.action),
    score=tf.where(wins, new.score, old.score),
    candidate_won=tf.where(wins, new.candidate_won, old.candidate_won),
  )
