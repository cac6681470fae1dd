import argparse

import gin
import numpy as np
import pytest

from awopt_agent.train import run_folder
from awopt_agent.train.roles import context
from tests.train import fakes


@pytest.fixture(autouse=True)
def _own_gin():
  yield
  gin.clear_config()


@pytest.fixture(name='flags')
def _flags(tmp_path):
  return argparse.Namespace(
    role='learner',
    gin_file=[],
    gin_bindings=[fakes.TINY_GIN],
    root_dir=str(tmp_path / 'run'),
    seed=2,
  )


def test_builds_what_gin_says(flags):
  flags.gin_bindings += [
    'RolesConfig.max_lead_steps = 7',
    'CheckpointConfig.keep = 3',
    'ReplayConfig.max_failure_items = 9',
  ]
  built = context.build(flags)
  assert built.train.batch_size == 16
  assert built.roles.max_lead_steps == 7
  assert built.checkpoints.keep == 3
  assert built.replay.max_failure_items == 9
  assert built.agent.action_spec.keys() == built.action_spec.keys()
  assert built.seed == 2


def test_streams_of_chance_differ_and_specs_do_not(flags):
  one, other, again = (context.build(flags, stream=s) for s in (1, 2, 1))
  draws = [
    made.agent._practice_rng.uniform([4]).numpy()
    for made in (one, other, again)
  ]
  assert not np.array_equal(draws[0], draws[1])
  np.testing.assert_array_equal(draws[0], draws[2])
  assert one.agent.training_data_spec == other.agent.training_data_spec


def test_an_unknown_binding_is_named(flags):
  flags.gin_bindings += ['RolesConfig.no_such = 1']
  with pytest.raises(ValueError, match='no_such'):
    context.build(flags)


@pytest.mark.parametrize('role', ['replay', 'learner'])
def test_no_run_begins_on_a_full_disk(flags, monkeypatch, role):
  monkeypatch.setattr(run_folder, '_LEAST_FREE_BYTES', 1 << 62)
  flags.role = role
  with pytest.raises(OSError, match='MB left'):
    context.build(flags)


@pytest.mark.parametrize(
  ('role', 'has_run'),
  [('learner', True), ('replay', True), ('collector', False)],
)
def test_a_role_that_fell_comes_back_on_a_full_disk(
  flags, monkeypatch, capsys, role, has_run
):
  monkeypatch.setattr(run_folder, '_LEAST_FREE_BYTES', 1 << 62)
  flags.role = role
  if has_run:
    run_folder.RunFolder(flags.root_dir).check_disk(refuse_full=False)
    run_folder.RunFolder(flags.root_dir).claim('', 2)
  capsys.readouterr()
  context.build(flags)
  (line,) = capsys.readouterr().out.splitlines()
  assert 'MB left' in line
