import gin
import numpy as np
import pytest

from awopt_agent import envs
from awopt_agent.train import builders, config
from tests.envs import fakes as env_fakes
from tests.train import fakes


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


def test_the_process_has_the_configuration_of_the_program():
  config.load([], ["make.task = 'green_bowl'", 'GraspEnv.max_steps = 3'])
  env = builders.make_vector_env(2, seed=4)
  try:
    # Each run has seeds of its own.
    assert env.get_state() == [
      {'seed': 40_000, 'episodes_begun': 0},
      {'seed': 40_001, 'episodes_begun': 0},
    ]
    stay = {
      name: np.zeros([2, *spec.shape], spec.dtype)
      for name, spec in env.action_spec().items()
    }
    env.reset()
    assert [env.step(stay).is_last().all() for _ in range(3)] == [
      False,
      False,
      True,
    ]
    with envs.make(seed=40_001) as one:
      expected = one.reset().observation
    env.set_state([{'seed': 40_001, 'episodes_begun': 0}] * 2)
    for name, value in env.reset().observation.items():
      np.testing.assert_array_equal(value[1], expected[name])
  finally:
    env.close()
  # Built here too, so that a run's stored configuration is complete.
  assert 'GraspEnv.max_steps = 3' in config.operative()


@pytest.mark.parametrize(
  'bindings, error, named',
  [
    ([], RuntimeError, r"Required bindings for `make`.*\['task'\]"),
    (["make.task = 'fly'"], ValueError, "unknown task 'fly'"),
  ],
)
def test_a_task_that_cannot_be_made_is_refused_here(bindings, error, named):
  config.load([], bindings)
  with pytest.raises(error, match=named):
    builders.make_vector_env(2, seed=0)


def test_the_agent_is_built_for_the_environment_and_by_the_configuration():
  config.load([], ['AwOptAgent.n_step = 3', 'MlpCritic.layers = (4,)'])
  env = env_fakes.EvenEnv()
  agent = builders.make_agent(env, seed=1)
  assert agent.train_sequence_length == 4
  assert agent.action_spec.keys() == env.action_spec().keys()
  assert agent.time_step_spec.observation['x'].shape == (1,)


def test_the_seed_decides_the_weights():
  config.load([], ['MlpCritic.layers = (4,)', 'MlpActor.layers = (4,)'])
  env = env_fakes.EvenEnv()
  one, same, other = (
    fakes.state_of(builders.make_agent(env, seed)) for seed in (1, 1, 2)
  )
  fakes.assert_same_state(one, same)
  assert any(not np.array_equal(one[key], other[key]) for key in one)
