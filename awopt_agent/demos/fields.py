"""Small expressions that name what is stored in an episode."""

import operator
import re
from typing import Any

import numpy as np
import tree

from awopt_agent.demos import schema

__all__ = ['EPISODE', 'Field', 'by_path', 'paths', 'signature']

# Begins the path of what belongs to the episode, not to its steps.
EPISODE = 'episode'

_COMPARISONS = {
  '>=': operator.ge,
  '<=': operator.le,
  '>': operator.gt,
  '<': operator.lt,
}
_SYNTAX = re.compile(
  r'(?P<path>[\w./-]+)'
  r'(\[(?P<start>-?\d*)(?P<colon>:)?(?P<stop>-?\d*)\])?'
  r'(\s*(?P<sign>>=|<=|>|<)\s*(?P<bound>-?[\d.]+(e-?\d+)?))?'
)


class Field:
  """A field, a part of its last axis, or what a comparison says of either.

  `observation/state`, `action[0:3]`, `observation[28] >= 1.35`; what belongs
  to the episode itself begins with `episode/`, such as `episode/success`.
  """

  def __init__(self, text: str):
    """Reads the expression.

    Args:
      text: Such as above; a comparison gives int32, 0 or 1.

    Raises:
      ValueError: If it is no such expression.
    """
    found = _SYNTAX.fullmatch(str(text).strip())
    if not found:
      raise ValueError(
        f'{text!r} names no field; write such as observation/state, '
        'action[0:3] or observation[28] >= 1.35.'
      )
    self.path = found['path']
    self.is_comparison = bool(found['sign'])
    self._text = text
    self._found = found

  def read(self, episode: schema.StoredEpisode, index: int = 0) -> Any:
    """Returns the values.

    Args:
      episode: What to read.
      index: Its place in its set, for messages.

    Returns:
      A nest of arrays, one row a step; without rows if of the episode.

    Raises:
      BadEpisodeError: If the episode has no such field.
    """
    nest: Any = {**episode.steps, EPISODE: episode.metadata}
    for name in self.path.split('/'):
      if not isinstance(nest, dict) or name not in nest:
        raise schema.BadEpisodeError(
          f'episode {index}: has no field {self.path!r}, only '
          f'{", ".join(paths(episode))}; name one of them in Mapping.'
        )
      nest = nest[name]
    if self._text == self.path:
      return nest
    return self._compute(nest, index)

  def _compute(self, nest: Any, index: int) -> np.ndarray:
    if isinstance(nest, dict):
      raise schema.BadEpisodeError(
        f'episode {index}: {self._text!r} needs one array, but {self.path} '
        f'holds {", ".join(nest)}; name one of them.'
      )
    values, found = np.asarray(nest), self._found
    if found['colon']:
      stop = int(found['stop']) if found['stop'] else None
      values = values[..., int(found['start'] or 0) : stop]
    elif found['start']:
      if not -values.shape[-1] <= int(found['start']) < values.shape[-1]:
        raise schema.BadEpisodeError(
          f'episode {index}: {self._text!r} is beyond the {values.shape[-1]} '
          f'numbers of {self.path}.'
        )
      values = values[..., int(found['start'])]
    if not self.is_comparison:
      return values
    compare = _COMPARISONS[found['sign']]
    return compare(values, float(found['bound'])).astype(np.int32)


def by_path(episode: schema.StoredEpisode) -> dict[str, np.ndarray]:
  """Returns every array of an episode by its path."""
  nest = {**episode.steps, EPISODE: episode.metadata}
  return {
    '/'.join(map(str, path)): np.asarray(leaf)
    for path, leaf in tree.flatten_with_path(nest)
  }


def paths(episode: schema.StoredEpisode) -> list[str]:
  """Returns the path of every array of an episode."""
  return list(by_path(episode))


def signature(episode: schema.StoredEpisode) -> dict[str, str]:
  """Returns type and shape in a step, such as 'float32 [3]', by path."""
  found = {}
  for path, values in by_path(episode).items():
    # Lengths of episodes differ, and so do those of texts.
    rows = path.split('/')[0] != EPISODE
    kind = 'text' if values.dtype.kind in 'OSU' else str(values.dtype)
    found[path] = f'{kind} {list(values.shape[1:] if rows else values.shape)}'
  return found
