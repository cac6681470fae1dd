"""What the fields of somebody's data set mean here."""

import dataclasses
import fnmatch
from collections.abc import Callable, Sequence
from typing import Any

import gin
import numpy as np
import tree

from awopt_agent import structs
from awopt_agent.demos import fields, schema, success

__all__ = ['ActionReport', 'Ends', 'EpisodeMapper', 'Mapping']

_PLAIN_RANGE = (-1.0, 1.0)
_FITS = ('keep', 'clip', 'rescale')
# RLDS' mark of an episode that is not to be used.
_INVALID = 'invalid'


@gin.configurable
@dataclasses.dataclass(frozen=True)
class Mapping:
  """Where observation, action, reward and success stand in a set.

  A field is named by its path in a step, such as 'observation/state', by a part
  of its last axis, such as 'action[0:3]', or by a comparison, such as
  'action[6] > 0.5', which gives 0 or 1. What belongs to the episode itself
  begins with 'episode/'.

  Numbers become float32 or int32, uint8 stays; text cannot be learnt from, and
  is left out.

  Attributes:
    observation: Field, or new names and the field of each.
    action: Likewise.
    reward: Field; or 'success': 1 for the last transition of a success, which
      ends there, and else 0.
    drop: Patterns of paths to leave out, such as '*/language_embedding'.
    success: Rule, see `success.make_rule`.
    success_when: Whether a field must say so at any step ('ever') or at the
      last ('end').
    success_threshold: Return, or last reward, of a success; None takes
      TrainConfig's.
    action_fit: What happens to continuous actions: 'keep' refuses what lies
      beyond the environment's bounds; 'clip' cuts at `action_range`; 'rescale'
      maps `action_range` to -1..1, and cuts the rest.
    action_range: Lower and upper end, each a number or one for each entry; for
      actions of several parts, a dict of such pairs.
    cut_after_last: Whether steps behind the first `is_last` are padding.
  """

  observation: Any = schema.OBSERVATION
  action: Any = schema.ACTION
  reward: str = schema.REWARD
  drop: Sequence[str] = ()
  success: str | Callable[[schema.StoredEpisode], bool] = 'return'
  success_when: str = 'ever'
  success_threshold: float | None = None
  action_fit: str = 'keep'
  action_range: Any = None
  cut_after_last: bool = False

  def __post_init__(self):
    if self.action_fit not in _FITS:
      raise ValueError(
        f'Mapping.action_fit must be one of {", ".join(_FITS)}, got '
        f'{self.action_fit!r}.'
      )
    _check_range(self.action_range)
    if self.action_fit == 'keep' and self.action_range is not None:
      raise ValueError(
        'Mapping.action_range has no effect on actions that are kept; bind '
        "Mapping.action_fit to 'clip' or 'rescale'."
      )
    if self.action_fit == 'rescale' and self.action_range is None:
      raise ValueError(
        "Mapping.action_fit = 'rescale' needs Mapping.action_range, the least "
        'and greatest action; awopt-demos inspect shows them.'
      )
    if isinstance(self.drop, str):
      raise ValueError(
        f'Mapping.drop must be a list of patterns, got {self.drop!r}.'
      )
    success.make_rule(self.success, self.success_when, 0.0)


@dataclasses.dataclass(frozen=True)
class Ends:
  """The range of a part of an action: each end a number or a list."""

  low: Any
  high: Any


@dataclasses.dataclass
class ActionReport:
  """What was cut from actions, so that nobody cuts unawares.

  Attributes:
    values: Continuous entries of all actions.
    cut: How many of them lay beyond the range.
    excess: By how much, at most, in the units after the mapping.
  """

  values: int = 0
  cut: int = 0
  excess: float = 0.0

  def __str__(self) -> str:
    if not self.cut:
      return 'no action was cut'
    return (
      f'{self.cut} of {self.values} action values were cut, by '
      f'{self.excess:.3g} at most'
    )


class EpisodeMapper:
  """Turns stored episodes into ours.

  Attributes:
    report: What was cut from the actions so far.
  """

  def __init__(
    self,
    mapping: Mapping,
    *,
    success_threshold: float = schema.DEFAULT_SUCCESS_THRESHOLD,
  ):
    """Prepares.

    Args:
      mapping: What the fields mean.
      success_threshold: Unless the mapping has one of its own.
    """
    self._mapping = mapping
    self._observation = _make_fields(mapping.observation)
    self._action = _make_fields(mapping.action)
    threshold = mapping.success_threshold
    self._succeeds = success.make_rule(
      mapping.success,
      mapping.success_when,
      success_threshold if threshold is None else threshold,
    )
    self.report = ActionReport()

  def __call__(
    self, stored: schema.StoredEpisode, index: int = 0
  ) -> structs.Episode:
    """Maps an episode.

    Args:
      stored: As it was read.
      index: Its place in its set, for messages.

    Raises:
      BadEpisodeError: If it is marked invalid, lacks a field, or contradicts
        itself.
    """
    if np.any(stored.metadata.get(_INVALID, False)):
      raise schema.BadEpisodeError(
        f'episode {index}: is marked invalid by its set.'
      )
    stored = self.prepare(stored)
    flags = (schema.IS_FIRST, schema.IS_LAST, schema.IS_TERMINAL)
    rows = {
      name: stored.steps[name]
      for name in (*flags, schema.DISCOUNT)
      if name in stored.steps
    }
    rows[schema.OBSERVATION] = self._read(self._observation, stored, index)
    action = self._read(self._action, stored, index)
    rows[schema.ACTION] = self._fit(action)
    rows[schema.REWARD] = self._reward(stored, index)
    episode = schema.episode_from_rows(rows, index=index)
    succeeded = self._succeeds(stored, episode.reward[:-1], index)
    if self._mapping.reward == 'success' and succeeded:
      episode = _rewarded(episode)
    return episode._replace(success=succeeded, **_origin(stored, index))

  def prepare(self, stored: schema.StoredEpisode) -> schema.StoredEpisode:
    """Returns an episode without padding, if its set has some."""
    return _cut_after_last(stored) if self._mapping.cut_after_last else stored

  def _read(self, expression, stored, index: int) -> Any:
    if isinstance(expression, fields.Field):
      nest = expression.read(stored, index)
      kept = _without(nest, expression.path, self._mapping.drop)
      if kept is None:
        raise schema.BadEpisodeError(
          f'episode {index}: nothing is left of {expression.path}: text cannot '
          'be learnt from; name another field in Mapping.'
        )
      return tree.map_structure_with_path(
        lambda path, leaf: _plain(
          leaf, '/'.join([expression.path, *map(str, path)]), index
        ),
        kept,
      )
    return {
      name: self._read(part, stored, index) for name, part in expression.items()
    }

  def _reward(self, stored, index: int) -> np.ndarray:
    name = self._mapping.reward
    if name == 'success':
      return np.zeros(stored.num_steps, np.float32)
    if name == schema.REWARD and name not in stored.steps:
      raise schema.BadEpisodeError(
        f'episode {index}: has no reward; bind Mapping.reward = '
        "'success', and a rule for Mapping.success."
      )
    values = np.asarray(fields.Field(name).read(stored, index))
    if values.dtype.kind not in 'biuf':
      raise schema.BadEpisodeError(
        f'episode {index}: {name} holds {values.dtype}, not numbers; name '
        "another field by Mapping.reward, or bind it to 'success'."
      )
    return values.astype(np.float32)

  def _fit(self, action: Any) -> Any:
    if self._mapping.action_fit == 'keep':
      return action
    return _map_with_ends(self._fit_part, action, self._mapping.action_range)

  def _fit_part(self, values: np.ndarray, ends: Any, name: str) -> np.ndarray:
    if not np.issubdtype(values.dtype, np.floating):
      return values
    low, high = (np.asarray(end, np.float32) for end in ends)
    for end in (low, high):
      if end.shape not in ((), values.shape[1:]):
        raise ValueError(
          f'Mapping.action_range has {list(end.shape)} numbers for {name}, of '
          f'shape {list(values.shape[1:])}; give one number, or one for each.'
        )
    if self._mapping.action_fit == 'rescale':
      values = 2 * (values - low) / (high - low) - 1
      low, high = np.float32(-1), np.float32(1)
    cut = np.clip(values, low, high)
    excess = np.abs(values - cut)[:-1]  # The last action means nothing.
    self.report.values += excess.size
    self.report.cut += int(np.count_nonzero(excess > 0))  # NaN is not cut.
    self.report.excess = max(
      self.report.excess, float(np.nanmax(excess, initial=0.0))
    )
    return cut

  def action_ends(self, action: Any) -> Any:
    """Returns `Ends` of each part of an action, after the mapping."""
    plain = Ends(*_PLAIN_RANGE)
    if self._mapping.action_fit != 'clip':
      return tree.map_structure(lambda leaf: plain, action)
    return _map_with_ends(
      lambda leaf, ends, name: Ends(*ends), action, self._mapping.action_range
    )


def _origin(stored: schema.StoredEpisode, index: int) -> dict[str, Any]:
  """Returns who acted, where the set tells it: a robot's loop does."""
  source = stored.steps.get(schema.ACTION_SOURCE)
  if source is None:
    return {}
  known = [int(one) for one in structs.Source]
  if not np.isin(source, known).all():
    raise schema.BadEpisodeError(
      f'episode {index}: {schema.ACTION_SOURCE} must be one of {known}; see '
      'structs.Source.'
    )
  step = stored.metadata.get(schema.POLICY_STEP, 0)
  return {'source': np.asarray(source), 'policy_step': int(step)}


def _map_with_ends(function, action: Any, ends: Any, name: str = 'action'):
  """Calls a function with each part of an action, its range and its name."""
  if not isinstance(action, dict):
    if isinstance(ends, dict):
      raise ValueError(
        f'Mapping.action_range has {", ".join(ends)}, but {name} has no parts; '
        'give one pair.'
      )
    return function(action, _PLAIN_RANGE if ends is None else ends, name)
  unknown = set(ends) - set(action) if isinstance(ends, dict) else set()
  if unknown:
    raise ValueError(
      f'Mapping.action_range names {", ".join(sorted(unknown))}, but {name} '
      f'has {", ".join(action)}; name one of them.'
    )
  return {
    part: _map_with_ends(
      function,
      values,
      ends.get(part) if isinstance(ends, dict) else ends,
      f'{name}/{part}',
    )
    for part, values in action.items()
  }


def _check_range(ends: Any) -> None:
  """Checks that each range is a pair whose first end is the lower one."""
  if ends is None:
    return
  if isinstance(ends, dict):
    for part in ends.values():
      _check_range(part)
    return
  try:
    low, high = (np.asarray(end, np.float64) for end in ends)
    good = bool(np.all(np.isfinite(low) & np.isfinite(high) & (low < high)))
  except (TypeError, ValueError):
    good = False
  if not good:
    raise ValueError(
      'Mapping.action_range must be a pair of finite numbers or lists, the '
      f'lower first, or a dictionary of such pairs, got {ends!r}.'
    )


def _make_fields(expression: Any) -> Any:
  if isinstance(expression, dict):
    return {name: _make_fields(part) for name, part in expression.items()}
  return fields.Field(expression)


def _without(nest: Any, path: str, patterns: Sequence[str]) -> Any:
  """Returns a nest without text and without what patterns name, or None."""
  if any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns):
    return None
  if not isinstance(nest, dict):
    return None if np.asarray(nest).dtype.kind in 'OSU' else nest
  kept = {
    name: _without(part, f'{path}/{name}', patterns)
    for name, part in nest.items()
  }
  return {name: part for name, part in kept.items() if part is not None} or None


def _plain(values: Any, path: str, index: int) -> np.ndarray:
  values = np.asarray(values)
  if values.dtype.kind in 'fb':
    return values.astype(np.float32)
  if values.dtype == np.uint8:
    return values
  whole = values.astype(np.int32)
  if np.any(whole != values):
    raise schema.BadEpisodeError(
      f'episode {index}: {path} holds numbers beyond int32, such as '
      f'{values.max()}; leave it out by Mapping.drop.'
    )
  return whole


def _cut_after_last(stored: schema.StoredEpisode) -> schema.StoredEpisode:
  ends = np.flatnonzero(stored.steps.get(schema.IS_LAST, ()))
  if not ends.size:
    return stored
  count = ends[0] + 1
  steps = tree.map_structure(lambda leaf: leaf[:count], stored.steps)
  return stored._replace(steps=steps)


def _rewarded(episode: structs.Episode) -> structs.Episode:
  """Returns a success with 1 as its only reward, where it ends."""
  reward, discount = episode.reward.copy(), episode.discount.copy()
  reward[-2], discount[-2] = 1, 0
  return episode._replace(reward=reward, discount=discount, is_terminal=True)
