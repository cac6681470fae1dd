"""Rules that tell whether a recorded episode succeeded."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from awopt_agent.demos import fields, schema

__all__ = ['WHEN', 'Rule', 'make_rule']

# At which step a field must say so.
WHEN = ('ever', 'end')

# Of the last row they mean nothing in RLDS.
_OF_TRANSITIONS = (schema.ACTION, schema.REWARD, schema.DISCOUNT)

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
  if not isinstance(rule, str) and not callable(rule):
    raise ValueError(
      f'Mapping.success must be a rule, a field or a function, got {rule!r}.'
    )
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
    return functools.partial(_call, rule)
  if ':' in rule and '[' not in rule:
    return functools.partial(_call, _find_function(rule))
  field = fields.Field(rule)
  return lambda episode, rewards, index: _holds(field, when, episode, index)


def _find_function(name: str) -> Callable[[schema.StoredEpisode], bool]:
  module, _, attribute = name.partition(':')
  try:
    return getattr(importlib.import_module(module), attribute)
  except Exception as error:  # Whatever the user's module raises.
    raise ValueError(
      f'Mapping.success: no function {name!r} ({error}); write '
      'module:function, and let Python find the module (PYTHONPATH).'
    ) from error


def _call(function, episode, rewards, index: int) -> bool:
  del rewards
  try:
    return bool(function(episode))
  except Exception as error:  # Whatever the user's function raises.
    raise ValueError(
      f'Mapping.success: {getattr(function, "__name__", function)} failed on '
      f'episode {index}: {type(error).__name__}: {error}.'
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
  if when == 'ever':
    return bool(values.any())
  # What follows the last action is not in the last row, but in the one before.
  last = -2 if field.path.split('/')[0] in _OF_TRANSITIONS else -1
  return bool(values[last:][0])
