"""Builds stored episodes from transitions.

In all of a set's episodes row t holds o_t, a_t and the reward for a_t. The
formats of others hold T actions, and T or T + 1 observations:

- Where the observation behind the last action is known, it becomes a last row
  of its own, so that no transition is lost. Action and reward in it are 0;
  further fields stand in it as in the row before, so that whoever asks for a
  field at the end, such as `next.success`, still finds it there.
- Where it is not, but the episode ended in a terminal state, the last
  observation is repeated in that row: nothing reads what follows a discount of
  0, while the last reward, often the only one, is kept.
- Else there are T rows, and the last action leads nowhere. If it is the only
  one, there is nothing to learn from, and the episode is refused.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tree

from awopt_agent.demos import schema

__all__ = ['build_episode', 'join_rows']

_REMEDY = 'repair it, or leave the episode out'


def build_episode(
  where: str,
  *,
  observation: Any,
  action: Any,
  reward: Any = None,
  is_terminal: bool = False,
  final_observation: Any = None,
  extras: Mapping[str, Any] | None = None,
  metadata: Mapping[str, Any] | None = None,
) -> schema.StoredEpisode:
  """Builds an episode; its values and their types are kept.

  Args:
    where: File and episode, for messages.
    observation: Nest of `[T, ...]`, what was seen before each action.
    action: Nest of `[T, ...]`.
    reward: `[T]`, of each action; None leaves the field out.
    is_terminal: Whether the last action led into a terminal state.
    final_observation: Nest of `[1, ...]`, what was seen after the last action,
      if it is known.
    extras: Further step fields, of `[T, ...]`, or of as many rows as the
      episode will have.
    metadata: Fields of the episode.

  Returns:
    The episode, of T rows or T + 1; see the module.

  Raises:
    BadEpisodeError: If a field is empty, too short, or holds no plain values,
      or if there is no transition.
  """
  count = _count(action, where)
  if final_observation is None and is_terminal:
    final_observation = tree.map_structure(lambda leaf: leaf[-1:], observation)
  extra_rows = 0 if final_observation is None else 1
  if count + extra_rows == 1:
    raise schema.BadEpisodeError(
      f'{where}: has one action, and nothing is known of what followed it; '
      'leave the episode out.'
    )
  steps = {'observation': observation, 'action': action}
  if reward is not None:
    steps['reward'] = _as_reward(reward)
  _check_rows(steps, (count,), where)
  _check_rows(dict(extras or {}), (count, count + extra_rows), where)
  _check_plain({**steps, **(extras or {}), **(metadata or {})}, where)
  if extra_rows:
    observation = join_rows([observation, final_observation], where)
  steps = {
    'observation': observation,
    **{name: _pad(steps[name], extra_rows) for name in list(steps)[1:]},
    **_flags(count, extra_rows, is_terminal),
  }
  for name, nest in (extras or {}).items():
    if name in steps:
      raise schema.BadEpisodeError(
        f'{where}: has a field {name!r} of its own, which RLDS needs for '
        'another purpose; rename it.'
      )
    steps[name] = tree.map_structure(
      lambda leaf: _repeat(leaf, count + extra_rows - len(leaf)), nest
    )
  return schema.StoredEpisode(
    tree.map_structure(_as_stored, steps),
    tree.map_structure(_as_stored, dict(metadata or {})),
  )


def join_rows(nests: list[Any], where: str = 'episode') -> Any:
  """Concatenates nests of rows.

  Raises:
    BadEpisodeError: If they hold different fields or shapes.
  """
  try:
    return tree.map_structure(lambda *leaves: np.concatenate(leaves), *nests)
  except (ValueError, TypeError) as error:
    raise schema.BadEpisodeError(
      f'{where}: its last observation has other fields or shapes than those '
      f'before; {_REMEDY}.'
    ) from error


def _count(action: Any, where: str) -> int:
  leaves = tree.flatten(action)
  if not leaves or np.ndim(leaves[0]) == 0 or not len(leaves[0]):
    raise schema.BadEpisodeError(
      f'{where}: action has no rows; leave the episode out.'
    )
  return len(leaves[0])


def _check_rows(nest: dict, allowed: tuple[int, ...], where: str) -> None:
  if 'observation' in nest and not tree.flatten(nest['observation']):
    raise schema.BadEpisodeError(f'{where}: observation is empty; {_REMEDY}.')
  for path, leaf in tree.flatten_with_path(nest):
    name = '/'.join(map(str, path))
    rows = len(leaf) if np.ndim(leaf) else 0
    if rows not in allowed:
      raise schema.BadEpisodeError(
        f'{where}: {name} has {rows} rows, but action has {allowed[0]}; '
        f'{_REMEDY}.'
      )
  if 'reward' in nest and nest['reward'].ndim != 1:
    raise schema.BadEpisodeError(
      f'{where}: reward has shape {list(nest["reward"].shape)}, but an '
      f'episode needs one number a step; {_REMEDY}.'
    )


def _check_plain(nest: dict, where: str) -> None:
  for path, leaf in tree.flatten_with_path(nest):
    if not _is_plain(np.asarray(leaf)):
      raise schema.BadEpisodeError(
        f'{where}: {"/".join(map(str, path))} holds neither numbers, text nor '
        f'truth values of one shape; {_REMEDY}.'
      )


def _is_plain(leaf: np.ndarray) -> bool:
  if leaf.dtype.kind == 'O':
    return all(isinstance(value, str | bytes) for value in leaf.flat)
  return leaf.dtype.kind in 'biufSU'


def _as_stored(leaf: Any) -> Any:
  """Returns text as Python's, and numbers in our byte order, as TFDS needs."""
  if not isinstance(leaf, np.ndarray | np.generic):
    return leaf
  if leaf.dtype.kind in 'SU':
    return leaf.astype(object)
  return leaf.astype(leaf.dtype.newbyteorder('='), copy=False)


def _as_reward(reward: Any) -> np.ndarray:
  reward = np.asarray(reward)
  if reward.ndim == 2 and reward.shape[1] == 1:
    reward = reward[:, 0]
  return reward.astype(np.float32) if reward.dtype.kind in 'biu' else reward


def _pad(nest: Any, count: int) -> Any:
  return tree.map_structure(
    lambda leaf: np.concatenate([leaf, np.zeros_like(leaf[:count])]), nest
  )


def _repeat(leaf: np.ndarray, count: int) -> np.ndarray:
  return np.concatenate([leaf, leaf[-1:]]) if count else leaf


def _flags(count: int, extra_rows: int, is_terminal: bool) -> dict[str, Any]:
  rows = np.arange(count + extra_rows)
  is_last = rows == rows[-1]
  end = is_terminal & (rows >= count - 1)
  return {
    schema.DISCOUNT: np.where(end, 0, 1).astype(np.float32),
    schema.IS_FIRST: rows == 0,
    schema.IS_LAST: is_last,
    schema.IS_TERMINAL: is_last & is_terminal,
  }
