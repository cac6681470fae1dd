import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.train import digests
from tests.train import fakes


def _module(**variables):
  module = tf.Module()
  for name, value in variables.items():
    setattr(module, name, tf.Variable(value))
  return module


def test_equal_variables_have_equal_digests_in_any_order():
  assert digests.digest(_module(a=1.0, b=[2, 3])) == digests.digest(
    _module(b=[2, 3], a=1.0)
  )


@pytest.mark.parametrize(
  'other',
  [
    {'a': np.nextafter(np.float32(1), np.float32(2)), 'b': [2, 3]},
    {'a': 1.0, 'b': [[2, 3]]},
    {'a': 1.0, 'b': [2.0, 3.0]},
    {'a': 1.0, 'c': [2, 3]},
    {'a': 1.0},
    {'a': 1.0, 'b': [2, 3], 'c': 0},
  ],
)
def test_any_difference_changes_the_digest(other):
  assert digests.digest(_module(a=1.0, b=[2, 3])) != digests.digest(
    _module(**other)
  )


def test_a_variable_of_two_names_counts_once():
  module = _module(b=1.0)
  module.a = module.b
  ((name, _),) = digests.named_variables(module)
  assert name == '/a'


def test_all_that_tensorflow_saves_of_an_agent_counts(tmp_path):
  agent = fakes.make_agent()
  prefix = tf.train.Checkpoint(agent=agent).write(str(tmp_path / 'agent'))
  reader = tf.train.load_checkpoint(prefix)
  suffix = '/.ATTRIBUTES/VARIABLE_VALUE'
  saved = [k for k in reader.get_variable_to_shape_map() if k.endswith(suffix)]
  named = digests.named_variables(agent)
  assert len(named) == len(saved)
  # Moments of an optimiser, and the state of chance.
  assert any('optimizer' in name for name, _ in named)
  assert any('rng' in name for name, _ in named)


def test_agents_of_two_seeds_have_other_digests_until_one_is_restored(tmp_path):
  one, two = fakes.make_agent(seed=1), fakes.make_agent(seed=2)
  assert digests.digest(one) != digests.digest(two)
  prefix = tf.train.Checkpoint(agent=one).write(str(tmp_path / 'agent'))
  tf.train.Checkpoint(agent=two).read(prefix).assert_consumed()
  assert digests.digest(one) == digests.digest(two)
