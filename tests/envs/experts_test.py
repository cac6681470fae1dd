import numpy as np
import pytest

from awopt_agent import envs
from awopt_agent.envs import experts


@pytest.fixture(name='env', scope='module')
def _env():
  environment = envs.make('green_bowl', seed=0)
  yield environment
  environment.close()


def _expert(seed=0, **config):
  return experts.GraspExpert(
    experts.ExpertConfig(**config), np.random.default_rng(seed)
  )


def _play(env, expert):
  time_step = env.reset()
  expert.reset()
  actions = []
  while not time_step.is_last():
    actions.append(expert.action(time_step.observation))
    time_step = env.step(actions[-1])
  return actions, float(time_step.reward)


def test_without_noise_it_nearly_always_succeeds(env):
  env.seed(100)
  expert = _expert(noise=0.0)
  rewards = [_play(env, expert)[1] for _ in range(60)]
  assert np.mean(rewards) >= 0.95


def test_it_ends_its_episodes_itself(env):
  env.seed(101)
  expert = _expert(noise=0.0)
  for _ in range(10):
    actions, _ = _play(env, expert)
    assert actions[-1]['terminate'] == 1
    assert not any(action['terminate'] for action in actions[:-1])


def test_bias_of_aim_spoils_some_episodes(env):
  def rate(bias_m):
    env.seed(102)
    expert = _expert(noise=0.0, bias_m=bias_m)
    return np.mean([_play(env, expert)[1] for _ in range(25)])

  assert rate(0.03) < rate(0.0) - 0.2


def test_its_generator_decides_its_errors(env):
  observation = env.reset().observation
  first, again, other = (
    _expert(seed).action(observation)['world_vector'] for seed in (1, 1, 2)
  )
  np.testing.assert_array_equal(first, again)
  assert np.abs(first - other).max() > 0


def test_its_actions_fit_the_spec_under_any_noise(env):
  env.seed(103)
  expert = _expert(noise=5.0, bias_m=0.1)
  for _ in range(3):
    actions, _ = _play(env, expert)  # The environment checks their bounds.
    for action in actions:
      for name, spec in env.action_spec().items():
        assert np.asarray(action[name]).dtype == spec.dtype


@pytest.mark.parametrize('name', ['noise', 'bias_m'])
@pytest.mark.parametrize('value', [-0.1, np.nan])
def test_refuses_what_is_no_standard_deviation(name, value):
  with pytest.raises(ValueError, match=f'{name} is a standard deviation'):
    experts.ExpertConfig(**{name: value})
