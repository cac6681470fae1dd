"""From sampled experience to what the losses take."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from awopt_agent import structs
from awopt_agent.learning import action_codec, averages

__all__ = ['Transitions', 'check_experience', 'from_experience', 'mean']


class Transitions(NamedTuple):
  """A batch of n-step transitions.

  Attributes:
    observation: Nest of `[B, ...]`.
    action: `[B, A]`.
    reward: `[B, n]`; 0 past the episode's end.
    discount: `[B, n]`, ours times the environment's; 1 past the end.
    next_observation: Nest of `[B, ...]`, n steps later or at the end.
    success: bool `[B]`.
    valid: float `[B]`, 0 where the first step is an episode's last, after
      which a buffer of whole trajectories goes on with the next episode.
    valid_total: Scalar, by which means over the valid ones divide; see
      `averages.total`.
  """

  observation: Any
  action: tf.Tensor
  reward: tf.Tensor
  discount: tf.Tensor
  next_observation: Any
  success: tf.Tensor
  valid: tf.Tensor
  valid_total: tf.Tensor


def check_experience(
  experience: Any, step_spec: structs.Experience, steps: Sequence[int]
) -> None:
  """Refuses what does not fit, before it is broadcast somewhere.

  Args:
    experience: What an agent is to train on, `[B, n + 1, ...]`.
    step_spec: Of one step, `AwOptAgent.training_data_spec`.
    steps: n + 1; beside it 1, where the targets are given.

  Raises:
    ValueError: If its type, structure, a shape or a dtype is another.
  """
  if not isinstance(experience, structs.Experience):
    raise ValueError(
      'AwOptAgent trains on structs.Experience, a trajectory and its '
      f"episode's label, got {type(experience).__name__}; let "
      'experience.labelling.LabellingObserver fill your replay buffer.'
    )
  tf.nest.assert_same_structure(step_spec, experience)
  outer = experience.label.step.shape
  if not any(outer[1:].is_compatible_with([count]) for count in steps):
    raise ValueError(
      f'this agent trains on {" or ".join(map(str, steps))} consecutive steps '
      f'(n_step + 1), got {outer[1:]}; sample that many.'
    )
  for spec, part in zip(
    tf.nest.flatten(step_spec), tf.nest.flatten(experience), strict=True
  ):
    shape = outer.concatenate(spec.shape)
    if part.dtype != spec.dtype or not part.shape.is_compatible_with(shape):
      raise ValueError(
        f'{spec.name} must be {spec.dtype.name} {shape} in this batch, got '
        f'{part.dtype.name} {part.shape}; train on what fits '
        'agent.training_data_spec.'
      )


def from_experience(
  experience: structs.Experience,
  codec: action_codec.ActionCodec,
  *,
  gamma: float,
  reward_scale: float = 1.0,
) -> Transitions:
  """Joins the steps of each item to one transition.

  Args:
    experience: `[B, n + 1, ...]`; `[B, 1, ...]` for what needs no target.
    codec: Of the actions.
    gamma: Our discount factor.
    reward_scale: Factor of all rewards.
  """
  steps, label = experience
  start, action = tf.nest.map_structure(
    lambda x: x[:, 0], (steps.observation, steps.action)
  )
  same = label.episode_id == label.episode_id[:, :1]
  live = tf.cast((same & (label.step < label.length))[:, :-1], tf.float32)
  discount = gamma * steps.discount[:, :-1]
  after = tf.cast(tf.reduce_sum(live, axis=1), tf.int32)
  valid = tf.cast(label.step[:, 0] < label.length[:, 0], tf.float32)
  return Transitions(
    observation=start,
    action=codec.encode(action),
    reward=reward_scale * steps.reward[:, :-1] * live,
    discount=discount * live + (1.0 - live),
    next_observation=tf.nest.map_structure(
      lambda x: tf.gather(x, after, batch_dims=1), steps.observation
    ),
    success=label.success[:, 0],
    valid=valid,
    valid_total=averages.total(valid),
  )


def mean(values: tf.Tensor, batch: Transitions) -> tf.Tensor:
  """Returns the mean of `[B]` values over the valid transitions."""
  return averages.weighted_mean(values, batch.valid, batch.valid_total)
