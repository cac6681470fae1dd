import os

import gin
import pytest

from awopt_agent import resources
from awopt_agent.trials import identity, suite


@pytest.fixture(name='write')
def _write(tmp_path):
  """Writes a suite's gin file; returns its path."""

  def write(text, name='mine'):
    path = tmp_path / f'{name}.gin'
    path.write_text(text)
    return str(path)

  yield write
  gin.clear_config()


_GRIDS = """
Grid.task = 'green_bowl'
Grid.seeds = [0, 1]
a/Grid.name = 'a'
a/Grid.variants = ['awopt', 'awac']
b/Grid.name = 'b'
b/Grid.variants = ['bc']
b/Grid.seeds = [0, 1, 5]
Suite.grids = [@a/Grid(), @b/Grid()]
"""


def names(trials):
  return [trial.name for trial in trials]


def test_all_methods_get_one_seed_before_any_gets_the_next(write):
  assert names(suite.load([write(_GRIDS)])) == [
    'a/awopt/0',
    'a/awac/0',
    'b/bc/0',
    'a/awopt/1',
    'a/awac/1',
    'b/bc/1',
    'b/bc/5',
  ]


def test_a_trial_has_the_files_of_budget_task_and_variant_in_that_order(write):
  path = write(
    _GRIDS + "a/Grid.gin_files = ['base/trial.gin']\n"
    "a/Grid.bindings = ['TrainConfig.pretrain_steps = 1']\n"
  )
  first = suite.load([path])[0]
  assert first.gin_files == (
    'base/trial.gin',
    'task/green_bowl.gin',
    'variant/awopt.gin',
  )
  assert first.bindings == ('TrainConfig.pretrain_steps = 1',)
  assert (first.task, first.peer) == ('green_bowl', None)


def test_a_method_of_d3rlpy_has_the_file_of_a_peer(write):
  path = write(_GRIDS + "b/Grid.variants = ['d3rlpy_cal_ql']\n")
  trial = next(t for t in suite.load([path]) if t.grid == 'b')
  assert trial.peer == 'cal_ql'
  assert trial.gin_files == ('task/green_bowl.gin', 'peer/cal_ql.gin')


def test_suites_that_name_the_same_trial_share_it(write):
  other = _GRIDS.replace("['awopt', 'awac']", "['qt_opt', 'awopt']")
  trials = suite.load([write(_GRIDS), write(other, 'other')])
  assert names(trials).count('a/awopt/0') == 1
  assert names(trials)[-2:] == ['a/qt_opt/0', 'a/qt_opt/1']


def test_one_name_for_two_settings_is_refused(write):
  other = _GRIDS + "a/Grid.bindings = ['TrainConfig.batch_size = 1']\n"
  with pytest.raises(ValueError, match='a/awopt/0 is another one .* Grid.name'):
    suite.load([write(_GRIDS), write(other, 'other')])


def test_a_suite_may_consist_of_others(write):
  one = write(_GRIDS.replace('a/Grid(), @', ''), 'one')
  both = write(_GRIDS + f'Suite.suites = [{one!r}]\n')
  assert names(suite.load([both]))[:4] == ['b/bc/0', 'b/bc/1', 'b/bc/5'] + [
    'a/awopt/0'
  ]


def test_a_suite_within_itself_is_refused(write, tmp_path):
  path = str(tmp_path / 'mine.gin')
  write(f'Suite.suites = [{path!r}]\n')
  with pytest.raises(ValueError, match='part of itself'):
    suite.load([path])


def test_a_suite_without_trials_is_refused(write):
  with pytest.raises(ValueError, match='has no trials; bind Suite.grids'):
    suite.load([write('')])


def test_an_unknown_suite_is_named():
  with pytest.raises(ValueError, match='suite/nope.gin'):
    suite.load(['nope'])


def test_a_sweep_is_a_setting_for_each_value(write):
  path = write(
    _GRIDS + 'Suite.grids = [@sweep()]\n'
    'sweep.grid = @b/Grid()\n'
    "sweep.name = 'temperature'\n"
    "sweep.binding = 'ActorConfig.temperature = {}'\n"
    'sweep.values = [0.1, None]\n'
    "b/Grid.bindings = ['TrainConfig.batch_size = 1']\n"
    'b/Grid.seeds = [0]\n'
  )
  first, second = suite.load([path])
  assert first.name == 'b_temperature_0.1/bc/0'
  assert first.bindings == (
    'TrainConfig.batch_size = 1',
    'ActorConfig.temperature = 0.1',
  )
  assert second.bindings[-1] == 'ActorConfig.temperature = None'


@pytest.mark.parametrize(
  'line, message',
  [
    ("a/Grid.name = 'a/b'", "letters, digits and .* got 'a/b'"),
    ('a/Grid.variants = [1]', 'letters, digits and .* got 1'),
    ('a/Grid.seeds = [-1]', 'integers of at least 0'),
  ],
)
def test_what_names_no_folder_is_refused(write, line, message):
  with pytest.raises(ValueError, match=message):
    suite.load([write(f'{_GRIDS}{line}\n')])


def _suites():
  folder = os.path.join(resources.gin_root(), 'suite')
  return sorted(name.removesuffix('.gin') for name in os.listdir(folder))


@pytest.mark.parametrize('name', _suites())
def test_each_suite_names_files_that_exist(name, write):
  trials = suite.load([name])
  for trial in trials:
    identity.of(trial, lambda roots: '')  # Code has tests of its own.


def test_the_smoke_suite_has_every_variant(write):
  folder = os.path.join(resources.gin_root(), 'variant')
  variants = {name.removesuffix('.gin') for name in os.listdir(folder)}
  assert variants <= {trial.variant for trial in suite.load(['smoke'])}


def test_state_suites_have_three_seeds_or_more():
  seeds = {}
  for trial in suite.load(['state']):
    seeds.setdefault((trial.grid, trial.variant), []).append(trial.seed)
  for name, found in seeds.items():
    assert sorted(found) == list(range(max(3, len(found)))), name
