import json
import os
import pathlib
import resource
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import awopt_agent
from awopt_agent.serving import export as export_lib
from awopt_agent.serving import golden, layout, predictor
from tests.serving import fakes

KINDS = ('actor', 'cem', 'cem_with_candidate')
SIGNATURES = sorted([*KINDS, 'q_values', 'serving_default'])
SUCCESS = {'actor': {'rate': 0.5, 'n': 4, 'low': 0.18, 'high': 0.82}}

# A stranger's program: TensorFlow, and none of our libraries.
_STRANGER = """
import sys
for name in ('awopt_agent', 'tf_agents', 'tensorflow_probability', 'reverb'):
  sys.modules[name] = None
import numpy as np
import tensorflow as tf
for folder in sys.argv[1:]:
  model = tf.saved_model.load(folder)
  inputs = dict(np.load(folder + '/../inputs.npz'))
  answers = {}
  for name, signature in model.signatures.items():
    for count in (1, 7):
      names = signature.structured_input_signature[1]
      rows = {key: tf.constant(inputs[key][:count]) for key in names}
      for key, value in signature(**rows).items():
        answers[f'{name}/{count}/{key}'] = value.numpy()
  np.savez(folder + '/../answers.npz', **answers)
"""


def _run(arguments):
  return subprocess.run(
    [sys.executable, *arguments],
    capture_output=True,
    text=True,
    check=True,
    # Nothing of the project's folder on the path.
    cwd='/',
    env={**os.environ, 'PYTHONPATH': ''},
  ).stdout


def _cli(*arguments):
  program = 'from tensorflow.python.tools import saved_model_cli as c; c.main()'
  return _run(['-c', program, *arguments])


@pytest.fixture(name='agent', scope='module')
def _agent():
  return fakes.make_agent(fakes.DICT_OBSERVATION, fakes.DICT_ACTION)


@pytest.fixture(name='bare_agent', scope='module')
def _bare_agent():
  return fakes.make_agent(fakes.BARE_OBSERVATION, fakes.BARE_ACTION)


@pytest.fixture(name='version', scope='module')
def _version(agent, tmp_path_factory):
  folder = tmp_path_factory.mktemp('dict')
  return export_lib.export(
    agent,
    str(folder),
    train_step=120,
    config='AwOptAgent.seed = 3\n',
    success=SUCCESS,
  )


@pytest.fixture(name='bare_version', scope='module')
def _bare_version(bare_agent, tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('bare'))
  return export_lib.export(bare_agent, folder, train_step=0)


@pytest.fixture(name='linear_agent', scope='module')
def _linear_agent():
  return fakes.LinearAgent()


@pytest.fixture(name='linear_version', scope='module')
def _linear_version(linear_agent, tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('linear'))
  return export_lib.export(linear_agent, folder, train_step=0)


def _store_inputs(version, observation, action):
  """Stores what the stranger passes, by name."""
  if not isinstance(observation, dict):
    observation, action = {'observation': observation}, {'action': action}
  action = {f'action_{name}': value for name, value in action.items()}
  path = os.path.join(version, '..', 'inputs.npz')
  np.savez(path, **observation, **action)


def _read_json(version, name):
  return json.loads(pathlib.Path(version, name).read_text())


def test_a_stranger_gets_the_actions_of_the_policy_in_memory(
  agent, bare_agent, version, bare_version
):
  observations = {
    version: fakes.observe(fakes.DICT_OBSERVATION, 7),
    bare_version: fakes.observe(fakes.BARE_OBSERVATION, 7),
  }
  actions = {
    version: fakes.draw_actions(fakes.DICT_ACTION, 7),
    bare_version: fakes.draw_actions(fakes.BARE_ACTION, 7),
  }
  for folder in (version, bare_version):
    _store_inputs(folder, observations[folder], actions[folder])
  _run(['-c', _STRANGER, version, bare_version])
  for folder, owner in ((version, agent), (bare_version, bare_agent)):
    answers = np.load(os.path.join(folder, '..', 'answers.npz'))
    for signature in (*KINDS, 'serving_default'):
      kind = signature.replace('serving_default', 'cem_with_candidate')
      for count in (1, 7):
        rows = tf.nest.map_structure(
          lambda x, n=count: x[:n], observations[folder]
        )
        expected = fakes.act(owner, kind, rows)
        if folder == bare_version:
          expected = {'action': expected}
        actual = {
          name: answers[f'{signature}/{count}/{name}'] for name in expected
        }
        fakes.assert_same_actions(actual, expected)
    expected = owner.q_value(observations[folder], actions[folder]).numpy()
    for count in (1, 7):
      actual = answers[f'q_values/{count}/q_values']
      assert (actual.shape, actual.dtype) == ((count,), np.float32)
      np.testing.assert_allclose(actual, expected[:count], rtol=0, atol=1e-5)


def test_values_differ_so_that_the_test_above_tells_them_apart(agent):
  observation = fakes.observe(fakes.DICT_OBSERVATION, 7)
  action = fakes.draw_actions(fakes.DICT_ACTION, 7)
  values = agent.q_value(observation, action).numpy()
  assert np.std(values) > 0.05
  for name, part in action.items():
    other = {**action, name: part[::-1]}
    moved = agent.q_value(observation, other).numpy() - values
    assert np.max(np.abs(moved)) > 1e-2, name


def test_the_policies_differ_so_that_the_test_above_tells_them_apart(agent):
  observation = fakes.observe(fakes.DICT_OBSERVATION, 7)
  moves = [fakes.act(agent, kind, observation)['move'] for kind in KINDS]
  assert not np.allclose(moves[0], moves[1], atol=1e-2)
  assert not np.allclose(moves[1], moves[2], atol=1e-2)


def test_saved_model_cli_shows_and_runs_it(agent, version, tmp_path):
  shown = _cli('show', '--dir', version, '--all')
  for name in SIGNATURES:
    assert f"signature_def['{name}']" in shown
  actions = [f'action_{name}' for name in fakes.DICT_ACTION]
  for name in (*fakes.DICT_OBSERVATION, *fakes.DICT_ACTION, *actions):
    assert f"['{name}'] tensor_info" in shown
  assert 'shape: (-1, 2, 6)' in shown

  observation = fakes.observe(fakes.DICT_OBSERVATION, 2)
  np.savez(tmp_path / 'inputs.npz', **observation)
  inputs = [f'{n}={tmp_path}/inputs.npz[{n}]' for n in observation]
  common = ['--tag_set', 'serve', '--signature_def', 'actor']
  _cli(
    *('run', '--dir', version, *common, '--inputs', ';'.join(inputs)),
    *('--outdir', str(tmp_path)),
  )
  actual = {n: np.load(tmp_path / f'{n}.npy') for n in fakes.DICT_ACTION}
  fakes.assert_same_actions(actual, fakes.act(agent, 'actor', observation))


def test_metadata_name_versions_step_and_success(version):
  assert _read_json(version, layout.METADATA) == {
    'awopt_agent': awopt_agent.__version__,
    'tensorflow': tf.__version__,
    'train_step': 120,
    'policies': sorted(KINDS),
    'default_policy': 'cem_with_candidate',
    'success': SUCCESS,
  }
  assert os.path.basename(version) == '120'
  config = pathlib.Path(version, layout.CONFIG).read_text()
  assert config == 'AwOptAgent.seed = 3\n'


def test_specs_have_names_shapes_types_and_bounds(version, bare_version):
  specs = _read_json(version, layout.SPECS)
  assert [part['name'] for part in specs['action']] == ['close', 'move', 'turn']
  assert specs['observation'][2] == {
    'name': 'steps_left',
    'path': ['steps_left'],
    'shape': [1],
    'dtype': 'float32',
    'minimum': 0.0,
    'maximum': 1.0,
  }
  bare = _read_json(bare_version, layout.SPECS)
  assert [p['name'] for p in bare['observation']] == ['observation']
  assert [p['name'] for p in bare['action']] == ['action']


def test_golden_pairs_are_the_answers_in_memory(agent, version):
  pairs = golden.read(os.path.join(version, layout.GOLDEN))
  assert sorted(pairs) == SIGNATURES
  for kind in KINDS:
    assert len(pairs[kind].inputs['gripper']) == 8
    fakes.assert_same_actions(
      pairs[kind].outputs, fakes.act(agent, kind, pairs[kind].inputs)
    )


def test_golden_values_are_those_in_memory(agent, version):
  pair = golden.read(os.path.join(version, layout.GOLDEN))['q_values']
  action = {name: pair.inputs[f'action_{name}'] for name in fakes.DICT_ACTION}
  observation = {name: pair.inputs[name] for name in fakes.DICT_OBSERVATION}
  assert len(pair.inputs) == 6
  assert all(len(part) == 8 for part in pair.inputs.values())
  np.testing.assert_allclose(
    pair.outputs['q_values'], agent.q_value(observation, action), atol=1e-5
  )


def test_an_agent_without_values_exports_its_policies(linear_version):
  model = tf.saved_model.load(linear_version)
  kinds = ['actor', 'cem_with_candidate', 'serving_default']
  assert sorted(model.signatures) == kinds
  pairs = golden.read(os.path.join(linear_version, layout.GOLDEN))
  assert sorted(pairs) == kinds


def test_real_observations_become_the_golden_inputs(linear_agent, tmp_path):
  real = fakes.observe(fakes.BARE_OBSERVATION, 3, seed=7)
  version = export_lib.export(
    linear_agent, str(tmp_path), train_step=1, golden_observations=real
  )
  pairs = golden.read(os.path.join(version, layout.GOLDEN))
  np.testing.assert_array_equal(pairs['actor'].inputs['observation'], real)


def test_equal_weights_give_equal_files_of_ours(
  linear_agent, linear_version, tmp_path
):
  again = export_lib.export(linear_agent, str(tmp_path), train_step=0)
  one, two = fakes.contents(linear_version), fakes.contents(again)
  # TensorFlow's graph holds counters, and its fingerprint a random number.
  ours = [n for n in one if n.startswith('assets.extra') and 'SUMS' not in n]
  assert len(ours) == 4
  for name in ours + [n for n in one if n.startswith('variables')]:
    assert one[name] == two[name], name


def test_refuses_a_version_that_exists_and_keeps_it(
  linear_agent, linear_version
):
  before = fakes.contents(linear_version)
  with pytest.raises(FileExistsError, match='/0 exists; .*overwrite') as error:
    export_lib.export(
      linear_agent, os.path.dirname(linear_version), train_step=0
    )
  assert '\n' not in str(error.value)
  assert fakes.contents(linear_version) == before


def test_overwrites_when_told(linear_agent, tmp_path):
  for config in ('one', 'two'):
    version = export_lib.export(
      linear_agent, str(tmp_path), train_step=4, config=config, overwrite=True
    )
  assert pathlib.Path(version, layout.CONFIG).read_text() == 'two'
  assert os.listdir(tmp_path) == ['4']
  predictor.load(version)


@pytest.mark.parametrize('error', [KeyboardInterrupt, SystemExit])
def test_an_interrupted_export_leaves_nothing(
  linear_agent, tmp_path, monkeypatch, error
):
  def interrupted(*_):
    raise error

  monkeypatch.setattr(layout, 'write_checksums', interrupted)
  with pytest.raises(error):
    export_lib.export(linear_agent, str(tmp_path / 'new' / 'p'), train_step=1)
  assert list(tmp_path.iterdir()) == []


def test_an_interrupted_overwrite_keeps_the_old_version(
  linear_agent, linear_version, monkeypatch
):
  before = fakes.contents(os.path.dirname(linear_version))

  def interrupted(*_):
    raise KeyboardInterrupt

  monkeypatch.setattr(layout, 'write_checksums', interrupted)
  with pytest.raises(KeyboardInterrupt):
    export_lib.export(
      linear_agent,
      os.path.dirname(linear_version),
      train_step=0,
      overwrite=True,
    )
  assert fakes.contents(os.path.dirname(linear_version)) == before


def test_a_full_disk_leaves_nothing_and_is_named(linear_agent, tmp_path):
  folder = str(tmp_path / 'policies')
  # A limit on file sizes fails like a full disk: in the middle of a write.
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
  try:
    with pytest.raises(OSError, match=f'cannot export to {folder}: ') as error:
      export_lib.export(linear_agent, folder, train_step=1)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert '\n' not in str(error.value)
  assert list(tmp_path.iterdir()) == []


def test_a_parent_that_cannot_hold_folders_is_named(linear_agent, tmp_path):
  (tmp_path / 'file').write_text('')
  folder = str(tmp_path / 'file' / 'policies')
  with pytest.raises(OSError, match=f'cannot export to {folder}: Not a dir'):
    export_lib.export(linear_agent, folder, train_step=1)


def test_refuses_weights_that_are_not_finite(tmp_path):
  agent = fakes.LinearAgent()
  agent.policies['actor'].matrix.assign(tf.fill([4, 2], np.nan))
  with pytest.raises(ValueError, match="signature 'actor' .*not finite"):
    export_lib.export(agent, str(tmp_path), train_step=1)
  assert list(tmp_path.iterdir()) == []


def test_refuses_an_observation_named_as_an_action(tmp_path):
  agent = fakes.make_agent(
    {'action_move': fakes.BARE_OBSERVATION}, {'move': fakes.BARE_ACTION}
  )
  with pytest.raises(ValueError, match="both be named 'action_move'") as error:
    export_lib.export(agent, str(tmp_path), train_step=1)
  assert '\n' not in str(error.value)
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('name', ['q_values', 'serving_default'])
def test_refuses_a_policy_named_as_another_signature(tmp_path, name):
  agent = fakes.LinearAgent()
  agent.policies = {**agent.policies, name: agent.policies['actor']}
  with pytest.raises(ValueError, match=f"a policy is named '{name}'.*rename"):
    export_lib.export(agent, str(tmp_path), train_step=1)
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'train_step': -1}, 'train_step must be >= 0, got -1'),
    ({'default_policy': 'best'}, "unknown default_policy 'best'; .*actor"),
    ({'success': {'best': SUCCESS['actor']}}, "success has 'best'"),
    (
      {'success': {'actor': {'rate': 0.5}}},
      "success has 'actor'.*high, low, n",
    ),
    ({'golden_count': 0}, 'golden_count must be >= 1, got 0'),
    (
      {'golden_observations': np.zeros([2, 3], np.float32)},
      "golden_observations 'observation' must have shape",
    ),
  ],
)
def test_refuses_what_does_not_fit_the_agent(
  linear_agent, tmp_path, change, message
):
  with pytest.raises(ValueError, match=message):
    export_lib.export(
      linear_agent, str(tmp_path), **{'train_step': 1, **change}
    )
  assert list(tmp_path.iterdir()) == []
