"""Each task's gin file, its environment and its data set fit each other."""

import contextlib
import pathlib

import gin
import pytest

from awopt_agent import envs
from awopt_agent.demos import reader
from awopt_agent.train import config as config_lib
from awopt_agent.train import train_config

# Learnt without an environment: tests/integration/foreign_sets_test.py.
OFFLINE = {'bridge', 'door'}
TASK_FILES = sorted(
  path
  for path in pathlib.Path(__file__).parents[2].glob('gin/task/*.gin')
  if path.stem not in OFFLINE
)


@pytest.fixture(autouse=True)
def _clean_gin():
  yield
  gin.clear_config()


def test_there_is_a_gin_file_for_each_task():
  # Task 3 is Task 1 in another world; Task 2 can be seen by a camera.
  others = {'indiscriminate_grasping_real', 'green_bowl_image'}
  assert {path.stem for path in TASK_FILES} == {*envs.TASKS, *others}


@pytest.mark.parametrize('path', TASK_FILES, ids=lambda path: path.stem)
def test_the_demonstrations_fit_the_task(path):
  numbers = [
    'TrainConfig.pretrain_steps = 1',
    'TrainConfig.practice_episodes = 1',
  ]
  config_lib.load([f'task/{path.name}'], numbers)
  with contextlib.closing(envs.make()) as env:
    episodes = list(
      reader.read_episodes(
        train_config.TrainConfig().demonstrations,
        time_step_spec=env.time_step_spec(),
        action_spec=env.action_spec(),
      )
    )
  assert any(episode.success for episode in episodes)


@pytest.mark.parametrize('world', sorted(envs.WORLDS))
def test_gin_reaches_the_world_the_robot_and_the_camera(world):
  config_lib.load(
    ['task/middle_bin.gin'],
    [
      f'make.world = "{world}"',
      'make.robot = "panda"',
      'make.observation = "image"',
      'ImageSensor.pixels = 48',
      'MiddleBin.counts = (0, 2, 0)',
    ],
  )
  with contextlib.closing(envs.make()) as env:
    assert env.reset().observation['image'].shape == (48, 48, 3)
    assert env.task.count == 2
