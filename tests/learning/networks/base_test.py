import pytest
import tensorflow as tf

from awopt_agent.learning import networks


@pytest.mark.parametrize('kind', [networks.Critic, networks.Actor])
def test_both_functions_must_be_there(kind):
  class Half(kind):
    def encode(self, observation):
      return observation

  with pytest.raises(TypeError, match='abstract'):
    Half()


def test_variables_that_modules_share_are_listed_once():
  one, two = tf.Module(), tf.Module()
  one.own, one.common = tf.Variable(1.0), tf.Variable(2.0)
  two.own, two.common = tf.Variable(3.0), one.common
  found = [v.numpy() for v in networks.variables_of(one, two)]
  assert found == [2.0, 1.0, 3.0]  # By name within a module.
