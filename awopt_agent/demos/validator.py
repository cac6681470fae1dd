"""Does a recorded episode fit an environment?"""

from typing import Any

import numpy as np
import tree

from awopt_agent import structs
from awopt_agent.demos import schema

__all__ = ['check_matches']

_OTHER = (
  'choose the task with which the set was recorded, or say by Mapping what its '
  'fields mean'
)


def check_matches(
  episode: structs.Episode,
  time_step_spec: Any,
  action_spec: Any,
  *,
  index: int = 0,
) -> None:
  """Checks an episode against an environment's specs.

  Args:
    episode: The episode.
    time_step_spec: Unbatched time step spec, of arrays or tensors.
    action_spec: Unbatched action spec, of arrays or tensors.
    index: The episode's place in its set, for messages.

  Raises:
    BadEpisodeError: If a field is missing or too many, or differs from its
      spec in shape, type or bounds, or is not finite; in one line.
  """
  steps = episode.length + 1
  _check_nest(
    'observation', episode.observation, time_step_spec.observation, steps, index
  )
  # The last row's action means nothing, and may lie anywhere.
  action = tree.map_structure(lambda leaf: leaf[:-1], episode.action)
  _check_nest('action', action, action_spec, steps - 1, index)


def _check_nest(
  name: str, nest: Any, spec: Any, steps: int, index: int
) -> None:
  values, specs = _by_path(name, nest), _by_path(name, spec)
  if values.keys() != specs.keys():
    raise schema.BadEpisodeError(
      f'episode {index}: has the fields {", ".join(sorted(values))}, but the '
      f'environment has {", ".join(sorted(specs))}; choose the task with '
      'which the set was recorded, or name its fields by Mapping.'
    )
  for path, leaf_spec in specs.items():
    problem, remedy = _find_problem(np.asarray(values[path]), leaf_spec, steps)
    if problem:
      raise schema.BadEpisodeError(
        f'episode {index}: {path} {problem}; {remedy}.'
      )


def _by_path(name: str, nest: Any) -> dict[str, Any]:
  return {
    '/'.join([name, *map(str, path)]): leaf
    for path, leaf in tree.flatten_with_path(nest)
  }


def _find_problem(value: np.ndarray, spec: Any, steps: int) -> tuple[str, str]:
  """Says in what a field `[T, ...]` differs from its spec, and the remedy."""
  shape, dtype = (steps, *spec.shape), np.dtype(_numpy_type(spec.dtype))
  if value.shape != shape:
    return f'has shape {list(value.shape)} instead of {list(shape)}', _OTHER
  if value.dtype != dtype:
    return f'has type {value.dtype} instead of {dtype}', _OTHER
  if np.issubdtype(dtype, np.floating) and not np.all(np.isfinite(value)):
    return 'holds NaN or infinity', 'repair it, or leave it out'
  if hasattr(spec, 'minimum') and not np.all(
    (value >= spec.minimum) & (value <= spec.maximum)
  ):
    return (
      f'spans {value.min():g} to {value.max():g}, beyond its bounds '
      f'{np.min(spec.minimum):g} to {np.max(spec.maximum):g}'
    ), f'{_OTHER}; Mapping.action_fit clips or rescales actions'
  return '', ''


def _numpy_type(dtype: Any) -> Any:
  return getattr(dtype, 'as_numpy_dtype', dtype)
