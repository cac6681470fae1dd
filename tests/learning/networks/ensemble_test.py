import numpy as np
import tensorflow as tf

from awopt_agent.learning.networks import ensemble
from tests import fakes


def make():
  return ensemble.Ensemble(
    [fakes.LinearCritic(slope=1.0), fakes.LinearCritic(bias=0.5, slope=-1.0)]
  )


def test_members_score_apart_and_the_least_counts():
  critic = make()
  features = critic.encode({'x': tf.zeros([1, 1])})
  actions = tf.constant([[[1.0], [0.0], [-1.0]]])
  # 1, 0, -1 and .5 - 1, .5, .5 + 1.
  np.testing.assert_allclose(
    critic.scores(features, actions), [[[1, 0, -1]], [[-0.5, 0.5, 1.5]]]
  )
  np.testing.assert_allclose(critic.score(features, actions), [[-0.5, 0, -1]])


def test_holds_the_variables_of_all_members():
  assert len(make().trainable_variables) == 6
