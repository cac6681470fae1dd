"""What an episode is in RLDS, and when it counts as a success.

Source: RLDS (arXiv:2111.02767) section 3.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import rlds
import tree

from awopt_agent import structs

__all__ = [
  'ACTION',
  'DEFAULT_SUCCESS_THRESHOLD',
  'DISCOUNT',
  'IS_FIRST',
  'IS_LAST',
  'IS_TERMINAL',
  'OBSERVATION',
  'REWARD',
  'STEPS',
  'BadEpisodeError',
  'StoredEpisode',
  'episode_from_rows',
  'episode_from_time_steps',
  'is_success',
  'rows_from_episode',
]

STEPS = rlds.STEPS
OBSERVATION = rlds.OBSERVATION
ACTION = rlds.ACTION
REWARD = rlds.REWARD
DISCOUNT = rlds.DISCOUNT
IS_FIRST = rlds.IS_FIRST
IS_LAST = rlds.IS_LAST
IS_TERMINAL = rlds.IS_TERMINAL


class BadEpisodeError(ValueError):
  """An episode that cannot be learnt from, while others of its set can."""


class StoredEpisode(NamedTuple):
  """An episode as a data set holds it; nothing of it is interpreted.

  Attributes:
    steps: Dict of RLDS step fields: nests of arrays, one row a step.
    metadata: Dict of the episode's other fields: nests of arrays.
  """

  steps: dict[str, Any]
  metadata: dict[str, Any] = {}  # noqa: RUF012  Nobody writes into it.

  @property
  def num_steps(self) -> int:
    """Number of rows: the transitions, and one more."""
    return len(tree.flatten(self.steps)[0])


# Fields beyond RLDS' own, of what a robot's loop recorded: the `structs.Source`
# of each action, and the learner step of the policy of an episode.
ACTION_SOURCE = 'action_source'
POLICY_STEP = 'policy_step'

# Fits rewards of 0 and 1 at the end of an episode.
DEFAULT_SUCCESS_THRESHOLD = 0.5


def is_success(
  rewards: np.ndarray, success_threshold: float = DEFAULT_SUCCESS_THRESHOLD
) -> bool:
  """Tells whether an episode's return reaches the threshold.

  Args:
    rewards: `[T]` reward of each transition.
    success_threshold: Return, undiscounted, from which it counts.
  """
  return bool(np.sum(rewards, dtype=np.float64) >= success_threshold)


def episode_from_time_steps(
  time_steps: Sequence[Any],
  actions: Sequence[Any],
  *,
  success_threshold: float = DEFAULT_SUCCESS_THRESHOLD,
) -> structs.Episode:
  """Builds an episode from what an environment and a policy exchanged.

  Args:
    time_steps: T + 1 unbatched TF-Agents time steps, from a reset on.
    actions: T actions; `actions[t]` led from time step t to t + 1.
    success_threshold: See `is_success`.

  Returns:
    The episode; terminal if the last time step's discount is 0.

  Raises:
    ValueError: If the numbers of time steps and actions do not fit.
  """
  if len(time_steps) != len(actions) + 1 or not actions:
    raise ValueError(
      f'an episode needs at least 1 action and one time step more, got '
      f'{len(actions)} actions and {len(time_steps)} time steps; pass the '
      "reset's time step too, and no action for the last one."
    )
  # The last row's action, reward and discount mean nothing: zeros.
  last_action = tree.map_structure(np.zeros_like, actions[-1])
  followers = time_steps[1:]
  rewards = np.array([step.reward for step in followers] + [0], np.float32)
  discounts = [step.discount for step in followers]
  return structs.Episode(
    observation=_stack([step.observation for step in time_steps]),
    action=_stack([*actions, last_action]),
    reward=rewards,
    discount=np.array(discounts + [0], np.float32),
    is_terminal=bool(discounts[-1] == 0),
    success=is_success(rewards[:-1], success_threshold),
  )


def episode_from_rows(
  rows: Mapping[str, Any],
  *,
  index: int = 0,
  success_threshold: float = DEFAULT_SUCCESS_THRESHOLD,
) -> structs.Episode:
  """Builds an episode from the stacked steps of one RLDS episode.

  Flags and discounts may be missing. Without `is_last` and `is_terminal` on
  the last step the episode counts as truncated there; the last step's action
  is then unused, since the observation that followed it is not known.

  Args:
    rows: RLDS step fields, arrays (or nests of them) of shape `[T + 1, ...]`.
    index: The episode's place in its set, for messages.
    success_threshold: See `is_success`.

  Returns:
    The episode.

  Raises:
    BadEpisodeError: If a field is missing, too short, not finite, or if the
      flags contradict each other.
  """
  _require_fields(rows, index)
  reward = np.asarray(rows[REWARD], np.float32)
  count = len(reward) if reward.ndim == 1 else 0
  if count < 2:
    raise BadEpisodeError(
      f'episode {index}: reward has shape {reward.shape}, but an episode '
      'needs one number a step and at least 2 steps; leave it out.'
    )
  if not np.all(np.isfinite(reward[:-1])):
    raise BadEpisodeError(
      f'episode {index}: reward is not finite; repair or leave it out.'
    )
  is_terminal = _read_end(rows, count, index)
  if IS_TERMINAL not in rows and DISCOUNT in rows:
    # The discount is the only mark of an end.
    is_terminal = bool(np.asarray(rows[DISCOUNT])[-2:][0] == 0)
  return structs.Episode(
    observation=rows[OBSERVATION],
    action=rows[ACTION],
    reward=reward,
    discount=_read_discount(rows, count, is_terminal, index),
    is_terminal=is_terminal,
    success=is_success(reward[:-1], success_threshold),
  )


def rows_from_episode(episode: structs.Episode) -> dict[str, Any]:
  """Returns an episode's RLDS step fields, stacked: `[T + 1, ...]`."""
  count = episode.length + 1
  steps = np.arange(count)
  return {
    OBSERVATION: episode.observation,
    ACTION: episode.action,
    REWARD: episode.reward,
    DISCOUNT: episode.discount,
    IS_FIRST: steps == 0,
    IS_LAST: steps == count - 1,
    IS_TERMINAL: (steps == count - 1) & episode.is_terminal,
  }


def _stack(nests: Sequence[Any]) -> Any:
  return tree.map_structure(lambda *leaves: np.stack(leaves), *nests)


def _require_fields(rows: Mapping[str, Any], index: int) -> None:
  for name in (OBSERVATION, ACTION, REWARD):
    if name not in rows:
      raise BadEpisodeError(
        f'episode {index}: its steps have no field {name!r}, only '
        f'{sorted(rows)}; convert the set to RLDS.'
      )


def _read_end(rows: Mapping[str, Any], count: int, index: int) -> bool:
  """Checks that the episode ends once; tells whether in a terminal state."""
  for name in (IS_LAST, IS_TERMINAL):
    early = np.flatnonzero(np.asarray(rows.get(name, ()))[: count - 1])
    if early.size:
      raise BadEpisodeError(
        f'episode {index}: {name} is set at step {early[0]} of {count}, '
        'before the end; split it into one episode for each end, or bind '
        'Mapping.cut_after_last = True if padding follows.'
      )
  later = np.flatnonzero(np.asarray(rows.get(IS_FIRST, ()))[1:count])
  if later.size:
    raise BadEpisodeError(
      f'episode {index}: {IS_FIRST} is set at step {later[0] + 1} of {count}, '
      'behind the beginning; split it into one episode for each beginning.'
    )
  return bool(IS_TERMINAL in rows and rows[IS_TERMINAL][-1])


def _read_discount(
  rows: Mapping[str, Any], count: int, is_terminal: bool, index: int
) -> np.ndarray:
  """Returns `[T + 1]` discounts that follow each action.

  Many RLDS sets store 1 throughout: the end is told by `is_terminal`.
  """
  discount = np.array(rows.get(DISCOUNT, np.ones(count)), np.float32)
  if discount.shape != (count,):
    raise BadEpisodeError(
      f'episode {index}: discount has shape {discount.shape}, not '
      f'({count},); store one number a step.'
    )
  given = discount[:-1]
  if not np.all((given >= 0) & (given <= 1)) or not np.all(given[:-1]):
    raise BadEpisodeError(
      f'episode {index}: discount must lie in [0, 1], and be 0 at the end '
      f'alone, got {np.round(given, 3).tolist()[:8]}; repair it, or leave the '
      'episode out.'
    )
  if is_terminal:
    discount[-2] = 0
  elif discount[-2] == 0:
    raise BadEpisodeError(
      f'episode {index}: its last discount is 0, but is_terminal is not set; '
      'set is_terminal on the last step, or the discount to 1.'
    )
  discount[-1] = 0
  return discount
