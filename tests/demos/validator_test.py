import re

import numpy as np
import pytest
from tf_agents.specs import array_spec, tensor_spec

from awopt_agent.demos import validator
from tests.demos import fakes


def _changed(part, **fields):
  """A fitting episode with fields changed, or left out if None."""
  episode = fakes.make_episode(3)
  nest = {**getattr(episode, part), **fields}
  nest = {name: value for name, value in nest.items() if value is not None}
  return episode._replace(**{part: nest})


def test_accepts_what_fits():
  for length in (1, 7):
    validator.check_matches(
      fakes.make_episode(length), fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC
    )


def test_takes_tensor_specs_too():
  specs = tensor_spec.from_spec((fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC))
  validator.check_matches(fakes.make_episode(3), *specs)
  with pytest.raises(ValueError, match='action/stop has type'):
    validator.check_matches(_changed('action', stop=np.zeros(4)), *specs)


def test_takes_specs_that_are_no_dict():
  spec = array_spec.ArraySpec((2,), np.float32)
  episode = fakes.make_episode(3)._replace(action=np.zeros((4, 2), np.float32))
  validator.check_matches(episode, fakes.TIME_STEP_SPEC, spec)
  with pytest.raises(ValueError, match='has the fields action/move'):
    validator.check_matches(fakes.make_episode(3), fakes.TIME_STEP_SPEC, spec)


def test_the_last_action_may_be_anything():
  move = np.zeros((4, 2), np.float32)
  move[-1] = np.nan
  validator.check_matches(
    _changed('action', move=move), fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC
  )


@pytest.mark.parametrize(
  'part, fields, message',
  [
    ('action', {'move': None}, 'has the fields action/stop, but .*action/move'),
    ('action', {'more': np.zeros(4)}, 'has the fields .*action/more'),
    (
      'observation',
      {'place': np.zeros((4, 3), np.float32)},
      r'observation/place has shape \[4, 3\] instead of \[4, 2\]',
    ),
    (
      'observation',
      {'clock': np.zeros(3, np.float32)},
      r'observation/clock has shape \[3\] instead of \[4\]',
    ),
    (
      'observation',
      {'clock': np.zeros(4)},
      'observation/clock has type float64 instead of float32',
    ),
    (
      'observation',
      {'clock': np.array([0, np.inf, 0, 0], np.float32)},
      'observation/clock holds NaN or infinity',
    ),
    (
      'action',
      {'move': np.full((4, 2), 1.5, np.float32)},
      'action/move spans 1.5 to 1.5, beyond its bounds -1 to 1',
    ),
    ('action', {'stop': np.full(4, 2, np.int32)}, 'action/stop spans 2 to 2'),
  ],
)
def test_names_the_episode_the_field_and_the_remedy(part, fields, message):
  with pytest.raises(ValueError, match=f'^episode 7: {message}') as raised:
    validator.check_matches(
      _changed(part, **fields),
      fakes.TIME_STEP_SPEC,
      fakes.ACTION_SPEC,
      index=7,
    )
  remedy = r'; (choose .*Mapping.*|repair it, or leave it out)\.$'
  assert re.search(remedy, str(raised.value))
  assert len(str(raised.value).splitlines()) == 1
