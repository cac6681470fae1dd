import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.serving import export as export_lib
from awopt_agent.serving import golden, layout, loading
from tests.serving import fakes


@pytest.fixture(name='exported', scope='module')
def _exported(tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('policies'))
  return export_lib.export(fakes.LinearAgent(), folder, train_step=30)


@pytest.fixture(name='version')
def _version(exported, tmp_path):
  """A copy to be damaged."""
  return pathlib.Path(shutil.copytree(exported, tmp_path / '30'))


def _refusal(folder):
  with pytest.raises(ValueError) as error:
    loading.load(str(folder))
  assert '\n' not in str(error.value)
  return str(error.value)


def test_loads_what_was_exported(exported):
  model = loading.load(exported)
  act = loading.as_array_function(model.signatures['actor'])
  found = act({'observation': np.zeros([2, 4], np.float32)})
  np.testing.assert_array_equal(found['action'], np.zeros([2, 2]))


@pytest.mark.parametrize(
  'name',
  [
    'saved_model.pb',
    'variables/variables.index',
    'variables/variables.data-00000-of-00001',
    layout.SPECS,
    layout.METADATA,
    layout.CONFIG,
    layout.GOLDEN,
    'assets.extra/SHA256SUMS',
  ],
)
def test_refuses_a_version_without_one_of_its_files(version, name):
  (version / name).unlink()
  message = _refusal(version)
  assert f'{version} lacks {name}; ' in message
  assert 'export the policy again' in message


@pytest.mark.parametrize(
  'name',
  ['saved_model.pb', 'variables/variables.data-00000-of-00001', layout.GOLDEN],
)
def test_refuses_a_changed_byte_and_names_the_file(version, name):
  content = bytearray((version / name).read_bytes())
  content[len(content) // 2] ^= 1
  (version / name).write_bytes(content)
  assert f'{version}: {name} differs from what was exp' in _refusal(version)


def _sum_again(version):
  """Makes a change look as if it had been exported."""
  (version / 'assets.extra' / 'SHA256SUMS').unlink()
  layout.write_checksums(str(version))


def test_refuses_variables_cut_short_even_if_their_sum_fits(version):
  path = version / 'variables' / 'variables.data-00000-of-00001'
  path.write_bytes(path.read_bytes()[:100])
  _sum_again(version)
  message = _refusal(version)
  assert f'{version} cannot be loaded: ' in message
  assert message.endswith('export the policy again.')


@pytest.mark.parametrize('signature', ['actor', 'cem_with_candidate'])
def test_refuses_other_actions_than_the_golden_ones(version, signature):
  path = str(version / layout.GOLDEN)
  pairs = golden.read(path)
  action = pairs[signature].outputs['action']
  action[3, 0] += 1e-4
  golden.write(path, pairs)
  _sum_again(version)
  message = _refusal(version)
  assert f"signature '{signature}' answers 'action' = " in message
  assert f' instead of {action[3, 0]!s} to golden input 3' in message
  assert f'with TensorFlow {tf.__version__}' in message


def test_refuses_other_weights_than_the_golden_ones(version):
  model = tf.saved_model.load(str(version))
  for variable in model.policy_variables:
    variable.assign(-variable)
  checkpoint = tf.train.Checkpoint(policy_variables=model.policy_variables)
  checkpoint.write(str(version / 'variables' / 'variables'))
  _sum_again(version)
  assert "signature 'actor' answers 'action' = " in _refusal(version)


def test_refuses_damaged_sums(version):
  (version / 'assets.extra' / 'SHA256SUMS').write_bytes(b'\xff\x00\n')
  assert f'{version}: assets.extra/SHA256SUMS is damaged' in _refusal(version)


def test_refuses_pairs_of_a_form_that_it_does_not_know(version):
  np.savez(str(version / layout.GOLDEN), **{'actor/outputs/y': np.zeros(2)})
  _sum_again(version)
  assert f'{version} holds no golden pairs that this ver' in _refusal(version)
