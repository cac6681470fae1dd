import hashlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from tf_agents.environments import utils

from awopt_agent import envs
from awopt_agent.envs import grasp_env, world

STAY = {
  'world_vector': np.zeros(3, np.float32),
  'yaw': np.zeros(1, np.float32),
  'gripper': np.int32(0),
  'terminate': np.int32(0),
}


@pytest.fixture(name='env', scope='module')
def _env():
  environment = envs.make('green_bowl', seed=0)
  yield environment
  environment.close()


@pytest.fixture(
  name='any_env',
  params=[
    ('indiscriminate_grasping', 'both', 'sim', 'kuka'),
    ('indiscriminate_grasping', 'both', 'real', 'kuka'),
    ('green_bowl', 'both', 'sim', 'panda'),
    ('green_bowl', 'image', 'real', 'kuka'),
    ('middle_bin', 'both', 'real', 'panda'),
    ('compostables', 'both', 'sim', 'kuka'),
  ],
  ids='-'.join,
)
def _any_env(request):
  task, observation, world, robot = request.param
  environment = envs.make(
    task, observation=observation, world=world, robot=robot, seed=11
  )
  yield environment
  environment.close()


@pytest.fixture(name='short')
def _short():
  """Settings of its own, so that tuning the defaults changes no test."""
  environment = grasp_env.GraspEnv(
    max_steps=6, step_length_m=0.04, step_yaw_rad=0.4, control_hz=20
  )
  yield environment
  environment.close()


def _act(**parts):
  return {**STAY, **parts}


def _random_action(rng):
  return {
    'world_vector': rng.uniform(-1, 1, 3).astype(np.float32),
    'yaw': rng.uniform(-1, 1, 1).astype(np.float32),
    'gripper': np.int32(rng.integers(2)),
    'terminate': np.int32(rng.random() < 0.05),
  }


def _play(environment, episodes, rng):
  """Acts at random; returns all time steps."""
  time_steps = []
  for _ in range(episodes):
    time_steps.append(environment.reset())
    while not time_steps[-1].is_last():
      time_steps.append(environment.step(_random_action(rng)))
  return time_steps


def fingerprint(time_steps):
  """Digest of every bit of time steps."""
  digest = hashlib.sha256()
  for time_step in time_steps:
    for name in sorted(time_step.observation):
      digest.update(time_step.observation[name].tobytes())
    digest.update(np.float32(time_step.reward).tobytes())
  return digest.hexdigest()


def print_fingerprint(task, observation, world, robot):
  """Digest of three episodes; called in a process of its own."""
  environment = envs.make(
    task, observation=observation, world=world, robot=robot, seed=11
  )
  print(fingerprint(_play(environment, 3, np.random.default_rng(0))))
  environment.close()


def test_keeps_the_contract_of_tf_agents(any_env):
  utils.validate_py_environment(any_env, episodes=2)


def _fingerprint_elsewhere(*arguments):
  root = pathlib.Path(__file__).parents[2]
  program = 'from tests.envs import grasp_env_test as t; t.print_fingerprint'
  other = subprocess.run(
    [sys.executable, '-c', f'{program}{arguments}'],
    cwd=root,
    env={**os.environ, 'PYTHONPATH': str(root)},
    capture_output=True,
    text=True,
    check=True,
  )
  return other.stdout.split()[-1]


def test_same_seed_same_episodes_in_another_process(any_env, request):
  mine = fingerprint(_play(any_env, 3, np.random.default_rng(0)))
  arguments = request.node.callspec.params['any_env']
  assert _fingerprint_elsewhere(*arguments) == mine


def test_what_was_played_before_hardly_matters(any_env):
  """The engine's order of neighbours shows in the last bits of some steps."""
  first = _play(any_env, 1, np.random.default_rng(0))
  any_env.seed(5)
  _play(any_env, 2, np.random.default_rng(9))
  any_env.seed(11)
  again = _play(any_env, 1, np.random.default_rng(0))
  assert len(first) == len(again)
  for one, two in zip(first, again, strict=True):
    assert one.reward == two.reward
    for name, value in one.observation.items():
      atol = 1 if name == 'image' else 1e-3
      np.testing.assert_allclose(value, two.observation[name], atol=atol)


def test_an_episode_does_not_depend_on_those_before_it(env):
  env.seed(5)
  _play(env, 2, np.random.default_rng(1))
  state = env.get_state()
  assert state == {'seed': 5, 'episodes_begun': 2}
  first = fingerprint(_play(env, 1, np.random.default_rng(2)))
  env.seed(77)
  _play(env, 4, np.random.default_rng(3))
  env.step(STAY)  # Begins another one, and leaves it half played.
  env.set_state(state)
  env.reset()
  env.set_state(state)
  assert fingerprint(_play(env, 1, np.random.default_rng(2))) == first


def test_another_seed_is_another_episode(env):
  observations = []
  for seed in (1, 2):
    env.seed(seed)
    observations.append(env.reset().observation['objects'])
  assert np.abs(observations[0] - observations[1]).max() > 0.01


def test_objects_start_apart_and_at_rest(env):
  env.seed(1)
  for _ in range(200):
    objects = env.reset().observation['objects'].astype(float)
    spots = objects[:, :2]
    gaps = np.linalg.norm(spots[:, None] - spots[None], axis=-1)
    assert np.all(gaps[~np.eye(4, dtype=bool)] > 0.05)
    assert np.all(objects[:, 5] > 0.9999)  # Upright.
    # Nothing near the gripper, which starts above all objects.
    assert np.all(objects[:, 2] < -0.06)
    assert not env.success()


def test_objects_stay_where_they_are_while_nothing_touches_them(env):
  env.seed(2)
  for _ in range(5):
    before = env.reset().observation
    for _ in range(8):
      after = env.step(STAY).observation
    drift = (after['objects'][:, :3] - before['objects'][:, :3]) + (
      after['gripper'][:3] - before['gripper'][:3]
    )
    assert np.abs(drift).max() < 1e-3


def test_an_action_moves_the_gripper_by_its_displacement(short):
  before = short.reset().observation['gripper']
  short.step(_act(world_vector=np.array([0.5, -0.5, -1], np.float32)))
  for _ in range(5):
    after = short.step(STAY).observation['gripper']
  # 4 cm for an action of 1.
  np.testing.assert_allclose(
    after[:3] - before[:3], (0.02, -0.02, -0.04), atol=0.003
  )


def test_an_action_turns_the_gripper(short):
  before = short.reset().observation['gripper']
  short.step(_act(yaw=np.array([0.5], np.float32)))
  for _ in range(5):
    after = short.step(STAY).observation['gripper']
  # 0.4 rad for an action of 1.
  turn = np.arctan2(after[3], after[4]) - np.arctan2(before[3], before[4])
  assert turn == pytest.approx(0.2, abs=0.01)


def test_an_action_closes_and_opens_the_gripper_while_the_arm_waits(short):
  before = short.reset().observation['gripper']
  sideways = np.array([1, 1, 0], np.float32)
  closed = short.step(_act(gripper=np.int32(1), world_vector=sideways))
  opened = short.step(_act(world_vector=sideways)).observation['gripper']
  closed = closed.observation['gripper']
  assert before[5] > 0.95
  assert closed[5] < 0.1
  assert opened[5] > 0.9
  np.testing.assert_allclose(closed[:2], before[:2], atol=0.003)
  np.testing.assert_allclose(opened[:2], before[:2], atol=0.003)


def test_terminate_ends_the_episode_at_once(env):
  env.seed(4)
  before = env.reset().observation
  last = env.step(_act(terminate=np.int32(1)))
  assert last.is_last()
  assert (last.discount, last.reward) == (0, 0)
  np.testing.assert_array_equal(last.observation['objects'], before['objects'])


def test_the_step_limit_is_terminal(short):
  left = [short.reset().observation['steps_left'][0]]
  for step in range(1, 7):
    time_step = short.step(STAY)
    left.append(time_step.observation['steps_left'][0])
    assert time_step.is_last() == (step == 6)
    assert time_step.discount == (0 if step == 6 else 1)
  np.testing.assert_allclose(left, 1 - np.arange(7) / 6, atol=1e-6)


def test_the_task_has_at_most_twenty_steps(env):
  steps = [env.reset()]
  while not steps[-1].is_last():
    steps.append(env.step(STAY))
  assert 10 < len(steps) <= 21


def test_the_reward_comes_once_at_the_end_of_a_success(env, monkeypatch):
  env.seed(4)
  monkeypatch.setattr(env, 'success', lambda: True)
  env.reset()
  assert env.step(STAY).reward == 0
  assert env.step(_act(terminate=np.int32(1))).reward == 1


def test_success_lost_before_the_end_earns_nothing(env, monkeypatch):
  env.seed(4)
  monkeypatch.setattr(env, 'success', lambda: False)
  env.reset()
  assert env.step(_act(terminate=np.int32(1))).reward == 0


def test_actions_at_random_hardly_ever_succeed(env):
  env.seed(6)
  steps = _play(env, 60, np.random.default_rng(6))
  assert sum(float(step.reward) for step in steps) <= 1


@pytest.mark.parametrize(
  'name, value',
  [
    ('world_vector', np.array([0, 0, 1.01], np.float32)),
    ('world_vector', np.array([0, np.nan, 0], np.float32)),
    ('world_vector', np.zeros(2, np.float32)),
    ('yaw', np.array([np.inf], np.float32)),
    ('yaw', np.array([1j])),
    ('gripper', 0.5),
    ('gripper', 'open'),
    ('gripper', None),
    ('yaw', np.float32(0)),
    ('gripper', np.int32(2)),
    ('gripper', np.zeros(1, np.int32)),
    ('terminate', np.int32(-1)),
  ],
)
def test_refuses_an_action_outside_its_spec_by_name(env, name, value):
  env.reset()
  with pytest.raises(ValueError, match=f'action {name!r} must have shape'):
    env.step(_act(**{name: value}))


def test_refuses_an_action_that_lacks_a_part(env):
  env.reset()
  with pytest.raises(ValueError, match="action has no 'yaw'; it needs world"):
    env.step({name: part for name, part in STAY.items() if name != 'yaw'})


def test_an_expert_sees_the_state_where_the_agent_sees_pictures(any_env):
  any_env.reset()
  state = any_env.state_observation()
  assert set(state) == {'gripper', 'objects', 'steps_left'}
  assert state['objects'].shape == (any_env.task.count, 6)


def test_late_actions_move_the_arm_less_at_once():
  moved = []
  for latency_s in (0.0, 0.03):
    environment = grasp_env.GraspEnv(
      where=world.World(latency_s=(latency_s, latency_s))
    )
    before = environment.reset().observation['gripper']
    action = _act(world_vector=np.array([1, 0, 0], np.float32))
    after = environment.step(action).observation['gripper']
    moved.append(after[0] - before[0])
    environment.close()
  assert moved[1] < 0.9 * moved[0]


def test_an_inexact_arm_misses_its_goal_by_its_error():
  where = world.World(actuation_noise=(0.2, 0.2))
  environment = grasp_env.GraspEnv(where=where)
  ends = []
  for _ in range(20):
    before = environment.reset().observation['gripper']
    after = environment.step(STAY).observation['gripper']
    ends.append(after[:2] - before[:2])
  environment.close()
  # Sigma .2 of 5 cm is 1 cm.
  assert np.std(ends) == pytest.approx(0.01, rel=0.4)


def test_a_picture_shows_the_scene(env):
  env.reset()
  picture = env.render()
  assert picture.shape == (240, 320, 3)
  assert picture.std() > 10
  with pytest.raises(ValueError, match='rgb_array'):
    env.render('human')


@pytest.mark.parametrize(
  'wrong',
  [
    {'max_steps': 0},
    {'max_steps': 2.5},
    {'control_hz': 0},
    {'control_hz': -16},
    {'control_hz': 7.5},
    {'step_length_m': -1.0},
    {'step_length_m': np.inf},
    {'step_yaw_rad': np.nan},
    {'seed': -1},
  ],
)
def test_refuses_numbers_that_cannot_be(wrong):
  ((name, _),) = wrong.items()
  with pytest.raises(ValueError, match=f'{name} must be'):
    grasp_env.GraspEnv(**wrong)


def test_refuses_an_action_that_comes_after_the_next():
  where = world.World(latency_s=(0.0, 0.07))
  with pytest.raises(ValueError, match='latency_s must end before'):
    grasp_env.GraspEnv(where=where)  # 16 actions a second, .0625 s each.


def test_refuses_a_rate_that_physics_cannot_keep():
  with pytest.raises(ValueError, match='control_hz must divide 240, got 7'):
    grasp_env.GraspEnv(control_hz=7)


def test_the_action_spec_stays_as_recorded():
  spec = grasp_env.action_spec()
  assert {name: part.shape for name, part in spec.items()} == {
    'world_vector': (3,),
    'yaw': (1,),
    'gripper': (),
    'terminate': (),
  }
  assert spec['yaw'].dtype == np.float32
  assert spec['terminate'].dtype == np.int32
