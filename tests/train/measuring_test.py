import argparse
import json
import os

import gin
import pytest

from awopt_agent import statistics
from awopt_agent.train import measuring
from tests.train import fakes


@pytest.fixture(name='root', scope='module')
def _root(tmp_path_factory):
  root = tmp_path_factory.mktemp('runs') / 'run'
  fakes.make_run(root)
  return root


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


def _evaluate(root, **changes):
  flags = {
    'root_dir': str(root),
    'step': None,
    'policy': 'actor',
    'episodes': 3,
    'seed': 1,
    'videos': 0,
    'format': 'gif',
    'gin_bindings': [],
  }
  return measuring.evaluate(argparse.Namespace(**{**flags, **changes}))


def _last_record(root):
  return json.loads((root / 'metrics.jsonl').read_text().splitlines()[-1])


@pytest.mark.parametrize('policy', ['actor', 'cem', 'cem_with_candidate'])
def test_the_line_and_the_record_say_the_same(root, policy):
  line = _evaluate(root, policy=policy)
  record = _last_record(root)
  assert (
    record.items()
    >= {'phase': 'evaluate', 'learner_step': 30, 'seed': 1}.items()
  )
  found = record['success'][policy]
  rate = statistics.SuccessRate.from_record(found)
  assert found['n'] == 3
  assert line == f'{policy} at step 30: success {rate} of 3'


def test_the_same_seed_measures_the_same(root):
  assert _evaluate(root) == _evaluate(root)


def test_a_binding_changes_the_task(root):
  narrow = ['GreenBowl.area_high_m = (0.47, -0.13)']  # A centimetre.
  with pytest.raises(ValueError, match='no room for 4 objects'):
    _evaluate(root, gin_bindings=narrow)


def test_films_beside_the_run(root):
  pytest.importorskip('imageio')
  line = _evaluate(root, videos=1)
  path = os.path.join(root, 'videos', 'actor_30.gif')
  assert line.endswith(f'; video in {path}')
  assert os.path.getsize(path) > 1000


def test_a_version_can_be_chosen_and_an_unknown_one_is_refused(root):
  assert 'at step 30' in _evaluate(root, step=30)
  with pytest.raises(ValueError, match='policies/31'):
    _evaluate(root, step=31)


def test_a_folder_without_a_run_is_refused_and_not_made(tmp_path):
  with pytest.raises(OSError, match='holds no run'):
    _evaluate(tmp_path / 'nothing')
  assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_policy_is_refused(root, tmp_path):
  (tmp_path / 'config.gin').write_text((root / 'config.gin').read_text())
  with pytest.raises(ValueError, match='policies'):
    _evaluate(tmp_path)


def test_a_binding_that_names_nothing_is_refused(root):
  with pytest.raises(ValueError, match="'Nope'"):
    _evaluate(root, gin_bindings=['Nope.x = 1'])
