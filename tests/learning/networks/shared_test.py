import functools

import numpy as np
import tensorflow as tf

from awopt_agent import agent as agent_lib
from awopt_agent.learning import networks
from tests import fakes


def shared_agent(**kwargs):
  layers = {'layers': (16, 16)}
  return fakes.make_agent(
    share_encoder=True,
    critic_network=functools.partial(networks.MlpCritic, **layers),
    actor_network=functools.partial(networks.MlpActor, zooms=(), **layers),
    **kwargs,
  )


def test_a_shared_encoder_is_the_critics_and_learns_from_it_alone():
  agent = shared_agent(critic=agent_lib.CriticConfig(ensemble=2))
  actor = agent.actor_learner.actor
  first = agent.critic_learner.critic.members[0]
  encoder = {id(v) for v in first._observation_layer.variables}
  assert encoder <= {id(v) for v in actor.variables}
  assert not encoder & {id(v) for v in actor.learned}
  # Its own: a layer from 16 features to 16, another one, and a head.
  assert len(actor.learned) == 6
  batch = fakes.random_experience()
  with tf.GradientTape() as tape:
    loss = agent.loss(batch).extra.actor_loss
  everything = [*first.trainable_variables, *actor.learned]
  gradients = tape.gradient(loss, everything)
  assert [g is None for g in gradients] == [True] * 8 + [False] * 6


def test_a_shared_encoder_changes_what_the_actor_does():
  agent = shared_agent()
  step = fakes.time_steps([0.3])
  agent.actor_learner.actor._actor._head._layer.kernel.assign_add(
    0.1 * tf.ones([16, 4])
  )
  before = agent.policies['actor'].action(step).action['move'].numpy()
  for variable in agent.critic_learner.critic.variables:
    variable.assign_add(tf.ones_like(variable))
  after = agent.policies['actor'].action(step).action['move'].numpy()
  assert before != after


def test_a_shared_encoder_is_saved_once_and_comes_back(tmp_path):
  one, two = shared_agent(), shared_agent(seed=5)
  for seed in range(2):
    one.train(fakes.random_experience(seed=seed))
  path = tf.train.Checkpoint(agent=one).write(str(tmp_path / 'agent'))
  tf.train.Checkpoint(agent=two).read(path).assert_consumed()
  fakes.assert_equal(
    fakes.values_of(one.variables), fakes.values_of(two.variables)
  )


def test_an_actor_of_pictures_shares_the_eye_of_its_critic():
  observation = {
    'image': tf.TensorSpec([24, 24, 3], tf.uint8, 'image'),
    'gripper': tf.TensorSpec([2], tf.float32, 'gripper'),
  }
  critic = networks.SmallCritic(observation, 3, layers=(16, 16))
  actor = networks.SharedEncoderActor(
    critic,
    functools.partial(networks.MlpActor, layers=(16, 16), zooms=()),
    observation,
    2,
    (3,),
  )
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, [4, 24, 24, 3], np.uint8)
  seen = {'image': tf.constant(image), 'gripper': tf.zeros([4, 2])}
  other = {**seen, 'image': tf.constant(255 - image)}
  one, two = (actor.distribution(actor.encode(x)).mode() for x in (seen, other))
  assert one.shape == (4, 5)
  assert not np.allclose(one[:, :2], two[:, :2])
  # No convolution is its own: two layers and a head, kernel and bias each.
  assert len(actor.learned) == 6
