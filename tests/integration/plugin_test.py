"""The agent in the loop of a TF-Agents user, with TF-Agents' own parts."""

import functools
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.drivers import py_driver, tf_driver
from tf_agents.environments import tf_py_environment
from tf_agents.policies import policy_saver, py_tf_eager_policy
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.train import learner as learner_lib

from awopt_agent import agent as agent_lib
from awopt_agent import structs
from awopt_agent.experience import labelling
from awopt_agent.learning import cem, networks
from tests.integration import fakes

ROOT = pathlib.Path(__file__).parent.parent.parent
PAGE = ROOT / 'docs' / 'plugin.md'
README = ROOT / 'README.md'


def _example():
  text = PAGE.read_text(encoding='utf-8')
  (code,) = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
  return code


def _make_agent(**kwargs):
  env = tf_py_environment.TFPyEnvironment(fakes.Reach())
  small = cem.CemConfig(samples=8, elites=2)
  return agent_lib.AwOptAgent(
    env.time_step_spec(),
    env.action_spec(),
    critic_network=functools.partial(networks.MlpCritic, layers=(16, 16)),
    actor_network=functools.partial(networks.MlpActor, layers=(16, 16)),
    policy_cem=small,
    target_cem=small,
    **kwargs,
  )


def _successes(policy, episodes=50):
  """Counts successes on starts that are the same for every policy."""
  rewards = []
  env = fakes.Reach(seed=1)
  py_driver.PyDriver(
    env,
    py_tf_eager_policy.PyTFEagerPolicy(policy, use_tf_function=True),
    [lambda step: rewards.append(float(step.reward))],
    max_episodes=episodes,
  ).run(env.reset())
  return sum(rewards)


def _practise(agent, episodes=6):
  """Returns whole labelled episodes, from TF-Agents' TF driver."""
  env = tf_py_environment.TFPyEnvironment(fakes.Reach())
  kept = []
  tf_driver.TFDriver(
    env,
    agent.collect_policy,
    [labelling.LabellingObserver(kept.append)],
    max_episodes=episodes,
    disable_tf_function=True,
  ).run(env.reset(), agent.collect_policy.get_initial_state(1))
  return kept


def _fill_buffer(agent, episodes):
  buffer = tf_uniform_replay_buffer.TFUniformReplayBuffer(
    agent.training_data_spec, batch_size=1, max_length=1000
  )
  for episode in episodes:
    for t in range(len(episode.label.step)):
      buffer.add_batch(
        tf.nest.map_structure(lambda x, t=t: x[t : t + 1], episode)
      )
  return buffer


def test_the_example_is_short():
  assert len(_example().splitlines()) <= 30


def test_the_example_learns_to_reach(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  tf.random.set_seed(0)  # The uniform buffer samples by it.
  names = {'my_environment': fakes.Reach()}
  exec(compile(_example(), str(PAGE), 'exec'), names)
  env, agent = names['env'], names['agent']
  untrained = agent_lib.AwOptAgent(env.time_step_spec(), env.action_spec())
  # Of 50. Untrained, CEM had 0 to 4 for four seeds of the agent; trained with
  # this one, 49 or 50 for three seeds of the buffer.
  before, after = _successes(untrained.policy), _successes(agent.policy)
  assert before <= 15 and after >= 30, (before, after)

  saved = tf.saved_model.load('my_policy')
  step = env.reset()
  np.testing.assert_allclose(
    saved.action(step).action, agent.policy.action(step).action, atol=1e-5
  )


def test_learner_trains_and_saves_it(tmp_path):
  agent = _make_agent()
  buffer = _fill_buffer(agent, _practise(agent))
  learner = learner_lib.Learner(
    str(tmp_path),
    agent.train_step_counter,
    agent,
    lambda: buffer.as_dataset(sample_batch_size=8, num_steps=2),
    checkpoint_interval=1,
    summary_interval=1,
  )
  loss = learner.run(iterations=3)
  assert np.isfinite(loss.loss)
  assert agent.train_step_counter.numpy() == 3

  weights = [v.numpy() for v in agent.policy.variables()]
  again = _make_agent(seed=9)
  learner_lib.Learner(
    str(tmp_path),
    again.train_step_counter,
    again,
    lambda: buffer.as_dataset(sample_batch_size=8, num_steps=2),
  )
  assert again.train_step_counter.numpy() == 3
  for old, new in zip(weights, again.policy.variables(), strict=True):
    np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize('seed', [0, 1])
def test_a_saved_collect_policy_keeps_its_choice_for_an_episode(tmp_path, seed):
  agent = _make_agent(seed=seed)
  agent.train_step_counter.assign(7)
  saver = policy_saver.PolicySaver(agent.collect_policy, batch_size=None)
  saver.save(str(tmp_path / 'collect'))
  saved = tf.saved_model.load(str(tmp_path / 'collect'))
  count = 16
  env = tf_py_environment.TFPyEnvironment(fakes.Reach())
  step = tf.nest.map_structure(
    lambda x: tf.repeat(x, count, axis=0), env.reset()
  )
  first = saved.action(step, saved.get_initial_state(count))
  # 20% of episodes are the actor's: neither kind is absent among 16 rows
  # with the seeds of this test.
  assert set(first.info.source.numpy()) == {
    structs.Source.ACTOR,
    structs.Source.CEM,
  }
  later = step._replace(step_type=tf.ones_like(step.step_type))
  second = saved.action(later, first.state)
  np.testing.assert_array_equal(first.info.source, second.info.source)
  np.testing.assert_array_equal(second.info.policy_step, [7] * count)
  assert np.all(np.abs(second.action) <= 0.5)


def _train_once(experience):
  """Returns all weights of a fresh agent after one step."""
  agent = _make_agent()
  agent.train(experience)
  return [v.numpy() for v in agent.policy.variables()]


def test_pairs_across_episodes_have_no_influence():
  agent = _make_agent()
  buffer = _fill_buffer(agent, _practise(agent))
  whole = buffer.gather_all()
  # Every pair of neighbours, as a uniform buffer may draw it.
  pairs = tf.nest.map_structure(
    lambda x: tf.stack([x[0, :-1], x[0, 1:]], axis=1), whole
  )
  across = (pairs.label.step == pairs.label.length)[:, 0]
  assert np.any(across) and not np.all(across)

  def garble(values):
    mask = tf.reshape(across, [-1] + [1] * (len(values.shape) - 1))
    return tf.where(mask, values * 0 + tf.cast(0.37, values.dtype), values)

  trajectory = pairs.trajectory
  garbled = trajectory._replace(
    observation=garble(trajectory.observation),
    action=garble(trajectory.action),
    reward=garble(trajectory.reward),
    discount=garble(trajectory.discount),
  )
  clean = _train_once(pairs)
  for one, two in zip(
    clean, _train_once(pairs._replace(trajectory=garbled)), strict=True
  ):
    np.testing.assert_array_equal(one, two)
  # The same change anywhere else does have influence.
  across = ~across
  elsewhere = trajectory._replace(observation=garble(trajectory.observation))
  changed = _train_once(pairs._replace(trajectory=elsewhere))
  assert not all(map(np.array_equal, clean, changed))


def test_the_readme_shows_the_same_example():
  (code,) = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.DOTALL)
  assert code in README.read_text()
