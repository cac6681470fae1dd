import argparse
import json
import shutil

import gin
import numpy as np
import pytest

from awopt_agent.serving import predictor
from awopt_agent.train import exporting, metrics
from tests.train import fakes

_RATE = {'rate': 0.5, 'n': 8, 'low': 0.25, 'high': 0.75}


@pytest.fixture(name='made', scope='module')
def _made(tmp_path_factory):
  root = tmp_path_factory.mktemp('runs') / 'run'
  return root, fakes.make_run(root)


@pytest.fixture(name='root')
def _root(made):
  return made[0]


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


def _export(root, out=None, overwrite=False, tflite=False):
  return exporting.export(
    argparse.Namespace(
      root_dir=str(root),
      out=out and str(out),
      overwrite=overwrite,
      tflite=tflite,
    )
  )


def test_exports_the_weights_of_the_checkpoint(made, tmp_path):
  root, agent = made
  line = _export(root, tmp_path / 'served')
  assert line == f'exported learner step 30 to {tmp_path}/served/30'
  served = predictor.Predictor(str(tmp_path / 'served'))
  first = predictor.Predictor(str(root / 'policies'))
  assert served.metadata['train_step'] == 30
  observation = {
    part.name: np.full((4, *part.shape), 0.2, np.float32)
    for part in served.observation_spec
  }
  for name, value in first.predict(observation).items():
    np.testing.assert_array_equal(value, served.predict(observation)[name])


def test_what_was_measured_at_that_step_goes_with_it(root, tmp_path):
  log = metrics.MetricsLog(str(root / 'metrics.jsonl'))
  log.append({'phase': 'end', 'learner_step': 29, 'success': {'cem': _RATE}})
  log.append({'phase': 'end', 'learner_step': 30, 'success': {'actor': _RATE}})
  _export(root, tmp_path)
  metadata = tmp_path / '30' / 'assets.extra' / 'metadata.json'
  assert json.loads(metadata.read_text())['success'] == {'actor': _RATE}


def test_an_existing_version_is_replaced_only_when_asked(root):
  with pytest.raises(OSError, match='exists'):
    _export(root)
  assert _export(root, overwrite=True).endswith('policies/30')
  predictor.Predictor(str(root / 'policies'))


def test_tflite_files_are_written_when_asked_and_measured(
  root, tmp_path, capsys
):
  line = _export(root, tmp_path, tflite=True)
  assert line == f'exported learner step 30 to {tmp_path}/30'
  printed = capsys.readouterr().out.splitlines()
  kinds = ('actor', 'cem', 'cem_with_candidate')
  for kind, said in zip(kinds, printed, strict=True):
    assert said.startswith(
      f'{kind}: {kind}.tflite (builtin operations) differs'
    )
    assert (tmp_path / '30' / 'assets.extra' / f'{kind}.tflite').is_file()
  predictor.Predictor(str(tmp_path))


def test_a_run_without_a_checkpoint_is_refused(root, tmp_path):
  (tmp_path / 'config.gin').write_text((root / 'config.gin').read_text())
  (tmp_path / 'run.json').write_text('{"seed": 2}')
  with pytest.raises(ValueError, match='has no checkpoint yet'):
    _export(tmp_path)


def test_a_folder_without_a_run_is_refused(tmp_path):
  with pytest.raises(OSError, match='holds no run'):
    _export(tmp_path / 'nothing')


def test_a_configuration_of_other_networks_is_refused(root, tmp_path):
  shutil.copytree(root, tmp_path / 'run')
  file = tmp_path / 'run' / 'config.gin'
  file.write_text(
    file.read_text().replace(
      'MlpCritic.layers = (16,)', 'MlpCritic.layers = (17,)'
    )
  )
  with pytest.raises(ValueError, match='does not fit this agent'):
    _export(tmp_path / 'run', tmp_path / 'out')
  assert not (tmp_path / 'out').exists()
