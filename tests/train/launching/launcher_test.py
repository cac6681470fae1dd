import argparse

import gin
import pytest

from awopt_agent.train.launching import launcher
from tests.train import fakes


@pytest.fixture(autouse=True)
def _own_gin():
  yield
  gin.clear_config()


@pytest.fixture(name='flags')
def _flags(tmp_path):
  gin_file = tmp_path / 'tiny.gin'
  gin_file.write_text(fakes.TINY_GIN)
  return argparse.Namespace(
    gin_file=[str(gin_file)],
    gin_bindings=[],
    root_dir=str(tmp_path / 'run'),
    seed=3,
    collectors=2,
    bellman_updaters=1,
    evaluator=True,
    port=None,
    ray_address=None,
    dry_run=True,
  )


def test_a_dry_run_names_the_roles(flags):
  line = launcher.launch(flags)
  assert line.startswith('dry run: ')
  assert (
    'replay, learner, collector-0, collector-1, bellman_updater-0, evaluator'
    in line
  )


def test_every_role_has_the_same_configuration(flags):
  flags.gin_bindings = ['TrainConfig.batch_size = 8']
  arguments = launcher._common(flags, 'folder')
  assert arguments == [
    *('--root_dir', 'folder', '--seed', '3'),
    *('--gin_file', flags.gin_file[0]),
    *('--gin_bindings', 'TrainConfig.batch_size = 8'),
  ]


def test_refuses_practice_without_collectors(flags):
  flags.collectors = 0
  with pytest.raises(ValueError, match='nobody practises; pass --collectors'):
    launcher.launch(flags)


def test_refuses_collectors_without_an_environment(flags):
  flags.gin_bindings = [
    'TrainConfig.offline = True',
    'TrainConfig.practice_episodes = 0',
  ]
  with pytest.raises(ValueError, match='pass --collectors 0'):
    launcher.launch(flags)


def test_an_unknown_binding_ends_the_launcher_alone(flags):
  flags.gin_bindings = ['TrainConfig.no_such = 1']
  with pytest.raises(ValueError, match='no_such'):
    launcher.launch(flags)


def test_refuses_missing_demonstrations(flags):
  flags.gin_bindings = ['TrainConfig.demonstrations = "no/such/set"']
  with pytest.raises((ValueError, OSError), match='no/such/set'):
    launcher.launch(flags)


def test_refuses_a_folder_in_which_another_is_at_work(flags, tmp_path):
  launcher.launch(flags)
  lock = launcher._lock(flags.root_dir)
  try:
    with pytest.raises(OSError, match='another awopt-launch is at work'):
      launcher.launch(flags)
  finally:
    launcher.os.close(lock)


def test_a_dry_run_starts_no_ray(flags):
  flags.ray_address = 'local'
  assert launcher.launch(flags).endswith('all fits.')


def test_refuses_an_address_before_any_work(flags):
  flags.ray_address = 'nowhere'
  with pytest.raises(ValueError, match="got 'nowhere'"):
    launcher.launch(flags)
