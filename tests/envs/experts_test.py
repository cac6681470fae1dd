import numpy as np
import pytest

from awopt_agent import envs
from awopt_agent.envs import experts


@pytest.fixture(name='env', scope='module')
def _env():
  environment = envs.make('green_bowl', seed=0)
  yield environment
  environment.close()


def _expert(env, seed=0, **config):
  return experts.make_expert(
    env, experts.ExpertConfig(**config), np.random.default_rng(seed)
  )


def _play(env, expert):
  time_step = env.reset()
  expert.reset()
  actions = []
  while not time_step.is_last():
    actions.append(expert.action(time_step.observation))
    time_step = env.step(actions[-1])
  return actions, float(time_step.reward)


def _success_rate(env, expert, episodes):
  return np.mean([_play(env, expert)[1] for _ in range(episodes)])


# Its success without noise over 200 episodes is in docs/tasks.md; these are
# the 40 that a test has time for, with room for chance.
@pytest.mark.parametrize(
  'task, robot, least',
  [
    ('indiscriminate_grasping', 'kuka', 0.9),
    ('green_bowl', 'kuka', 0.95),
    ('middle_bin', 'kuka', 0.9),
    ('compostables', 'kuka', 0.9),
    ('green_bowl', 'panda', 0.9),
    ('middle_bin', 'panda', 0.8),
    ('compostables', 'panda', 0.8),
  ],
)
def test_without_noise_it_nearly_always_succeeds(task, robot, least):
  env = envs.make(task, robot=robot, seed=100)
  assert _success_rate(env, _expert(env, noise=0.0), 40) >= least
  env.close()


def test_it_works_where_the_agent_sees_pictures():
  env = envs.make('middle_bin', observation='image', seed=100)
  assert _success_rate(env, _expert(env, noise=0.0), 10) >= 0.8
  env.close()


def test_it_ends_its_episodes_itself(env):
  env.seed(101)
  expert = _expert(env, noise=0.0)
  for _ in range(10):
    actions, _ = _play(env, expert)
    assert actions[-1]['terminate'] == 1
    assert not any(action['terminate'] for action in actions[:-1])


def test_bias_of_aim_spoils_some_episodes(env):
  def rate(bias_m):
    env.seed(102)
    return _success_rate(env, _expert(env, noise=0.0, bias_m=bias_m), 25)

  assert rate(0.03) < rate(0.0) - 0.2


def test_a_poor_expert_fails_often_but_not_always(env):
  env.seed(104)
  # .3 or so; five standard errors of 40 episodes are .36.
  expert = _expert(env, noise=0.3, bias_m=0.02)
  assert 0 < _success_rate(env, expert, 40) < 0.7


def test_its_generator_decides_its_errors(env):
  observation = env.reset().observation
  first, again, other = (
    _expert(env, seed).action(observation)['world_vector'] for seed in (1, 1, 2)
  )
  np.testing.assert_array_equal(first, again)
  assert np.abs(first - other).max() > 0


def test_its_actions_fit_the_spec_under_any_noise(env):
  env.seed(103)
  expert = _expert(env, noise=5.0, bias_m=0.1)
  for _ in range(3):
    actions, _ = _play(env, expert)  # The environment checks their bounds.
    for action in actions:
      for name, spec in env.action_spec().items():
        assert np.asarray(action[name]).dtype == spec.dtype


def _observation(objects, yaw=0.0):
  """A state with the gripper at the workspace's middle."""
  gripper = np.array([0, 0, 0, np.sin(yaw), np.cos(yaw), 1], np.float32)
  return {
    'gripper': gripper,
    'objects': np.array(objects, np.float32),
    'steps_left': np.ones(1, np.float32),
  }


def _aim(objects, *, aligns=True, choices=1):
  """Returns where a noise-free expert goes first, and how it turns."""
  expert = experts.GraspExpert(
    experts.ExpertConfig(noise=0.0),
    np.random.default_rng(0),
    aligns=aligns,
    choices=lambda: choices,
  )
  action = expert.action(_observation(objects))
  return action['world_vector'], float(action['yaw'][0])


def test_it_turns_its_fingers_along_a_long_object():
  for angle, turn in ((0.2, 0.2), (-0.2, -0.2), (np.pi + 0.2, 0.2)):
    _, yaw = _aim([[0, 0, -0.1, np.sin(angle), np.cos(angle), 1]])
    # An action of 1 is .4 rad.
    assert yaw == pytest.approx(turn / 0.4, abs=0.01)


def test_it_takes_the_nearest_unless_it_is_crowded():
  free = [0.10, 0.00, -0.1, 0, 1, 1]
  near = [0.05, 0.00, -0.1, 0, 1, 1]
  # Where the fingers come down beside the near one.
  crowd = [[0.05 + side * 0.05, 0.0, -0.1, 0, 1, 1] for side in (-1.2, 1.2)]
  far = [-0.10, 0.10, -0.1, 0, 1, 1]
  move, _ = _aim([near, free], choices=2)
  assert move[0] > 0.7
  move, _ = _aim([near, far, *crowd], choices=2)
  assert move[0] < 0 < move[1]


def test_it_takes_no_object_that_is_not_sought():
  move, _ = _aim([[0.1, 0, -0.1, 0, 1, 1], [0, 0, -0.1, 0, 1, 1]], choices=1)
  assert move[0] > 0.7


def test_it_keeps_to_its_object_when_the_order_changes():
  expert = experts.GraspExpert(
    experts.ExpertConfig(noise=0.0), np.random.default_rng(0)
  )
  here, there = [0.1, 0, -0.1, 0, 1, 1], [-0.1, 0, -0.1, 0, 1, 1]
  expert.action(_observation([here, there]))
  move = expert.action(_observation([there, here]))['world_vector']
  assert move[0] > 0.7


@pytest.mark.parametrize('name', ['noise', 'bias_m'])
@pytest.mark.parametrize('value', [-0.1, np.nan])
def test_refuses_what_is_no_standard_deviation(name, value):
  with pytest.raises(ValueError, match=f'{name} is a standard deviation'):
    experts.ExpertConfig(**{name: value})
