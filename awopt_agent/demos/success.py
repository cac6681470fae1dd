"""Rules that tell whether a recorded episode succeeded."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from awopt_agent.demos import fields, schema

__all__ = ['WHEN', 'Rule', 'make_rule']

# At which step a field must say so.
WHEN = ('ever', 'end')

# Takes the stored episode, its rewards `[T]`, and its place in the set.
Rule = Callable[[schema.StoredEpisode, np.ndarray, int], bool]


def make_rule(rule: Any, when: str, threshold: float) -> Rule:
  """Makes a rule from its name.

  Args:
    rule: 'return' or 'last_reward', which must reach the threshold; 'all', for
      demonstrations that were chosen by hand; a function of a `StoredEpisode`,
      or its name such as 'my_module:door_is_open'; or an expression of
      `fields.Field`, such as 'observation[28] >= 1.35' or 'episode/success'.
    when: For an expression of steps, 'ever' or 'end'.
    threshold: For 'return' and 'last_reward', in reward units.

  Raises:
    ValueError: If there is no such rule, function or moment.
  """
  if when not in WHEN:
    raise ValueError(
      f'Mapping.success_when must be one of {", ".join(WHEN)}, got {when!r}.'
    )
  if rule == 'all':
    return lambda episode, rewards, index: True
  if rule == 'return':
    return lambda episode, rewards, index: schema.is_success(rewards, threshold)
  if rule == 'last_reward':
    return lambda episode, rewards, index: bool(rewards[-1] >= threshold)
  if callable(rule):
    return lambda episode, rewards, index: bool(rule(episode))
  if ':' in rule and '[' not in rule:
    function = _find_function(rule)
    return lambda episode, rewards, index: bool(function(episode))
  field = fields.Field(rule)
  return lambda episode, rewards, index: _holds(field, when, episode, index)


def _find_function(name: str) -> Callable[[schema.StoredEpisode], bool]:
  module, _, attribute = name.partition(':')
  try:
    return getattr(importlib.import_module(module), attribute)
  except (ImportError, AttributeError, ValueError) as error:
    raise ValueError(
      f'Mapping.success: no function {name!r} ({error}); write '
      'module:function, and let Python find the module (PYTHONPATH).'
    ) from error


def _holds(field: fields.Field, when: str, episode, index: int) -> bool:
  values = np.asarray(field.read(episode, index))
  if values.dtype.kind not in 'biuf':
    raise ValueError(
      f'Mapping.success: {field.path} holds {values.dtype}, not numbers; name '
      'a field of numbers, or a function.'
    )
  if field.path.split('/')[0] == fields.EPISODE:
    return bool(np.all(values))
  if values.ndim != 1:
    raise ValueError(
      f'Mapping.success: {field.path} has shape {list(values.shape[1:])} in a '
      'step; choose one number of it, such as '
      f'{field.path}[0] > 0.5.'
    )
  return bool(values.any() if when == 'ever' else values[-1])
