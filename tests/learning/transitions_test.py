import numpy as np
import pytest
import tensorflow as tf

from awopt_agent import agent as agent_lib
from tests import fakes

# Transitions that are none: from an episode's last step to the next one.


@pytest.mark.parametrize('garbage', [0.0, 1.0])
def test_boundary_transitions_have_no_influence(garbage):
  good = {
    'move': [[0.5, 0.1]],
    'reward': [[1, 0]],
    'x': [[0.2, 0.3]],
    'success': True,
    'length': 5,
  }
  mixed = {
    'move': [[0.5, 0.1], [garbage, -garbage]],
    'reward': [[1, 0], [-9, 9]],
    'discount': [[1, 1], [garbage, garbage]],
    'x': [[0.2, 0.3], [garbage, -garbage]],
    'success': True,
    'step': [[0, 1], [5, 0]],
    'length': [[5, 5], [5, 8]],
    'episode_id': [[1, 1], [1, 2]],
  }
  found = []
  for batch in (good, mixed):
    hand = fakes.ByHand(actor=agent_lib.ActorConfig(baseline_samples=0))
    hand.critic.set(bias=0.3, slope=0.2)
    hand.target.set(bias=0.1, slope=0.02, x_slope=0.3)
    hand.lagged.set(bias=9)
    info = hand.agent.train(fakes.make_experience(**batch)).extra
    found.append([*info, *hand.critic.numbers(), hand.actor.mean.numpy()[0]])
  np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_a_batch_of_boundaries_alone_is_legal():
  hand = fakes.ByHand()
  hand.critic.set(bias=0.3, slope=0.2)
  experience = fakes.make_experience(
    move=[[0.5, 0.1]],
    reward=[[1, 0]],
    step=[[5, 0]],
    length=5,
    episode_id=[[1, 2]],
    success=True,
  )
  before = hand.critic.numbers()
  info = hand.agent.train(experience).extra
  assert np.all(np.isfinite(list(info)))
  assert info.critic_loss == 0
  assert info.actor_loss == 0
  np.testing.assert_array_equal(hand.critic.numbers(), before)


# Training.


# What does not fit.


def _change(experience, **changes):
  return experience._replace(
    trajectory=experience.trajectory._replace(**changes)
  )


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    (
      {'reward': tf.zeros([1, 2])},
      r'reward must be float32 \(8, 2\).*\(1, 2\)',
    ),
    ({'reward': tf.zeros([8, 2], tf.float64)}, 'reward .* got float64'),
    (
      {'observation': {'x': tf.zeros([8, 2, 3])}},
      r'x must be float32 \(8, 2, 1\) .*\(8, 2, 3\)',
    ),
  ],
)
def test_what_would_be_broadcast_or_cast_is_refused_by_name(changes, message):
  agent = fakes.make_agent()
  with pytest.raises(ValueError, match=message):
    agent.train(_change(fakes.random_experience(8), **changes))
