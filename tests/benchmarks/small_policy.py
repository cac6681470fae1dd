"""What is served in benchmarks: the small network at 64 pixels, CEM 64 x 2."""

import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent import agent as agent_lib
from awopt_agent.learning import cem, networks

OBSERVATION = {
  'image': tensor_spec.BoundedTensorSpec([64, 64, 3], tf.uint8, 0, 255),
  'gripper': tensor_spec.BoundedTensorSpec([2], tf.float32, 0.0, 1.0),
}


def make_agent() -> agent_lib.AwOptAgent:
  """Returns an agent of weights at random."""
  return agent_lib.AwOptAgent(
    ts.time_step_spec(OBSERVATION),
    tensor_spec.BoundedTensorSpec([7], tf.float32, -1.0, 1.0),
    critic_network=networks.SmallCritic,
    actor_network=networks.SmallActor,
    policy_cem=cem.CemConfig(samples=64, elites=6, rounds=2),
  )
