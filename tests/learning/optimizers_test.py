import numpy as np
import tensorflow as tf

from awopt_agent import agent as agent_lib
from tests import fakes


def values_of(variables):
  return [variable.numpy() for variable in variables]


def test_weight_decay_shrinks_kernels_and_no_biases():
  experience = fakes.random_experience(success=True)
  after = {}
  for decay in (0.0, 0.5):
    agent = fakes.make_agent(
      critic=agent_lib.CriticConfig(learning_rate=0.01, weight_decay=decay),
      actor=agent_lib.ActorConfig(learning_rate=0.01, weight_decay=decay),
    )
    variables = [
      *agent.critic_learner.critic.trainable_variables,
      *agent.actor_learner.actor.trainable_variables,
    ]
    for variable in variables:
      if 'bias' in variable.name:  # They start at 0, which has no decay.
        variable.assign(tf.ones_like(variable))
    before = values_of(variables)
    agent.train(experience)
    after[decay] = values_of(variables)
  # A step takes .01 * .5 of a kernel on top.
  for variable, start, free, decayed in zip(
    variables, before, after[0.0], after[0.5], strict=True
  ):
    share = 0.005 if 'kernel' in variable.name else 0.0
    np.testing.assert_allclose(decayed, free - share * start, atol=1e-6)
