import json
import os
import pathlib
import resource
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

import awopt_agent
from awopt_agent.serving import export as export_lib
from awopt_agent.serving import golden, layout, loading
from tests.serving import fakes

KINDS = fakes.KINDS
ALIASES = {
  'serving_default': 'cem_with_candidate',
  'action': 'cem_with_candidate',
  'action_with_score': 'cem_with_candidate_with_score',
}
TRACED = sorted(
  [*KINDS, *(f'{kind}_with_score' for kind in KINDS), 'practice', 'q_values']
)
SIGNATURES = sorted([*TRACED, *ALIASES, 'practice_initial_state'])
# Of pictures, there are these besides.
ENCODED = {
  f'{name}{score}_encoded': kind
  for name, kind in zip(
    (*KINDS, 'action'), (*KINDS, 'cem_with_candidate'), strict=True
  )
  for score in ('', '_with_score')
}
ROWS = 64
SUCCESS = {'actor': {'rate': 0.5, 'n': 4, 'low': 0.18, 'high': 0.82}}

# A stranger's program: TensorFlow, and none of our libraries.
_STRANGER = """
import sys
for name in (
  'awopt_agent',
  'reverb',
  'tensorflow_probability',
  'tensorflow_serving',
  'tf_agents',
):
  sys.modules[name] = None
import numpy as np
import tensorflow as tf
for folder in sys.argv[1:]:
  model = tf.saved_model.load(folder)
  inputs = dict(np.load(folder + '/../inputs.npz'))
  answers = {}
  for name, signature in model.signatures.items():
    for count in (1, 64):
      rows = {}
      for key, spec in signature.structured_input_signature[1].items():
        rows[key] = inputs[key] if spec.shape == () else inputs[key][:count]
        if spec.dtype == tf.string:
          rows[key] = [tf.io.encode_png(pixels).numpy() for pixels in rows[key]]
      rows = {key: tf.constant(value) for key, value in rows.items()}
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


@pytest.fixture(name='image_agent', scope='module')
def _image_agent():
  return fakes.make_image_agent()


@pytest.fixture(name='image_version', scope='module')
def _image_version(image_agent, tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('image'))
  return export_lib.export(image_agent, folder, train_step=0)


@pytest.fixture(name='linear_agent', scope='module')
def _linear_agent():
  return fakes.LinearAgent()


@pytest.fixture(name='linear_version', scope='module')
def _linear_version(linear_agent, tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('linear'))
  return export_lib.export(linear_agent, folder, train_step=0)


def _practice_inputs():
  """Returns what practice takes beside the observation."""
  rng = np.random.default_rng(3)
  return {
    'step_type': np.arange(ROWS, dtype=np.int32) % 3,
    'state_source': rng.integers(1, 3, ROWS, dtype=np.int32),
    'state_seed': rng.integers(0, 2**31, (ROWS, 2), dtype=np.int32),
  }


def _store_inputs(version, observation, action):
  """Stores what the stranger passes, by name."""
  action = {f'action_{name}': value for name, value in action.items()}
  path = os.path.join(version, '..', 'inputs.npz')
  others = _practice_inputs() | {'batch_size': np.int32(5)}
  np.savez(path, **observation, **action, **others)


def _read_json(version, name):
  return json.loads(pathlib.Path(version, name).read_text())


@pytest.fixture(name='answers', scope='module')
def _answers(version, image_version):
  """What a stranger gets from each version, beside what it passed."""
  passed = {
    version: (fakes.DICT_OBSERVATION, fakes.DICT_ACTION),
    image_version: (fakes.IMAGE_OBSERVATION, fakes.DICT_ACTION),
  }
  passed = {
    folder: (fakes.observe(seen, ROWS), fakes.draw_actions(done, ROWS))
    for folder, (seen, done) in passed.items()
  }
  for folder, (observation, action) in passed.items():
    _store_inputs(folder, observation, action)
  _run(['-c', _STRANGER, *passed])
  return {
    folder: (*pair, np.load(os.path.join(folder, '..', 'answers.npz')))
    for folder, pair in passed.items()
  }


@pytest.fixture(name='served', params=['state', 'image'])
def _served(request, answers):
  prefix = {'state': '', 'image': 'image_'}[request.param]
  agent = request.getfixturevalue(f'{prefix}agent')
  return agent, *answers[request.getfixturevalue(f'{prefix}version')]


def _answer(answers, signature, count, expected):
  return {name: answers[f'{signature}/{count}/{name}'] for name in expected}


def _first_rows(nest, count):
  return tf.nest.map_structure(lambda x: x[:count], nest)


@pytest.mark.parametrize('count', [1, ROWS])
def test_a_stranger_gets_the_actions_of_the_policy_in_memory(served, count):
  agent, observation, _, answers = served
  rows = _first_rows(observation, count)
  of_pictures = ENCODED if 'image' in observation else {}
  sources = {**{kind: kind for kind in KINDS}, **ALIASES, **of_pictures}
  sources |= {f'{kind}_with_score': kind for kind in KINDS}
  for signature, kind in sources.items():
    expected = fakes.act(agent, kind.removesuffix('_with_score'), rows)
    actual = _answer(answers, signature, count, expected)
    fakes.assert_same_actions(actual, expected)


@pytest.mark.parametrize('count', [1, ROWS])
def test_a_stranger_gets_the_values_in_memory(served, count):
  agent, observation, action, answers = served
  rows = _first_rows(observation, count)
  actual = answers[f'q_values/{count}/q_values']
  assert (actual.shape, actual.dtype) == ((count,), np.float32)
  expected = agent.q_value(rows, _first_rows(action, count))
  np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)
  scored = {key.split('/')[0] for key in answers if key.endswith('/score')}
  # Of three kinds and the default one; pictures come as files too.
  assert len(scored) == (8 if 'image' in observation else 4)
  for name in scored:
    score = answers[f'{name}/{count}/score']
    chosen = _answer(answers, name, count, action)
    assert (score.shape, score.dtype) == ((count,), np.float32)
    expected = agent.q_value(rows, chosen)
    np.testing.assert_allclose(score, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('count', [1, ROWS])
def test_a_stranger_practises_as_the_collect_policy_in_memory(served, count):
  agent, observation, action, answers = served
  rows = min(count, 8)  # In memory they are computed one by one.
  given = _first_rows(_practice_inputs(), rows)
  step = fakes.practise(
    agent.collect_policy,
    _first_rows(observation, rows),
    given['step_type'],
    given['state_source'],
    given['state_seed'],
  )
  chosen = _answer(answers, 'practice', count, action)
  fakes.assert_same_actions(_first_rows(chosen, rows), step.action)
  for name, expected in (
    ('state_source', step.state),
    ('info_source', step.info.source),
    ('info_policy_step', step.info.policy_step),
  ):
    actual = answers[f'practice/{count}/{name}']
    assert actual.shape == (count,)
    np.testing.assert_array_equal(actual[:rows], expected, name)
  seed = answers[f'practice/{count}/state_seed']
  assert seed.shape == (count, 2)
  assert np.all(seed[:rows] != given['state_seed'])


def test_initial_states_are_the_policys_with_chances_of_their_own(served):
  *_, answers = served
  sources, seeds = (
    [
      answers[f'practice_initial_state/{count}/state_{name}']
      for count in (1, 64)
    ]
    for name in ('source', 'seed')
  )
  np.testing.assert_array_equal(sources, np.zeros([2, 5]))
  # Ten robots, of which no two explore alike.
  assert len(np.unique(np.concatenate(seeds), axis=0)) == 10


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


def test_a_session_serves_the_warm_up_as_the_model_server_does(image_version):
  path = os.path.join(image_version, layout.WARMUP)
  logs = [
    prediction_log_pb2.PredictionLog.FromString(record.numpy())
    for record in tf.data.TFRecordDataset(path)
  ]
  answers = {}
  with tf.compat.v1.Session(graph=tf.Graph()) as session:
    graph = tf.compat.v1.saved_model.load(session, ['serve'], image_version)
    for log in logs:
      request = log.predict_log.request
      name = request.model_spec.signature_name
      signature = graph.signature_def[name]
      arrays = {
        key: tf.make_ndarray(proto) for key, proto in request.inputs.items()
      }
      answers[name] = (
        arrays,
        session.run(
          {key: info.name for key, info in signature.outputs.items()},
          {signature.inputs[key].name: value for key, value in arrays.items()},
        ),
      )
  modern = tf.saved_model.load(image_version).signatures
  assert sorted(answers) == sorted(modern)
  _, state = answers.pop('practice_initial_state')
  assert state['state_seed'].shape == (1, 2)  # It is chance.
  for name, (arrays, answer) in answers.items():
    expected = loading.as_array_function(modern[name])(arrays)
    for key, value in expected.items():
      np.testing.assert_allclose(answer[key], value, atol=1e-5, err_msg=name)


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


def test_specs_have_names_shapes_types_and_bounds(version, linear_version):
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
  signatures = specs['signatures']
  assert sorted(signatures) == SIGNATURES
  assert signatures['action']['inputs'] == specs['observation']
  outputs = signatures['action_with_score']['outputs']
  assert [part['name'] for part in outputs] == [
    'close',
    'move',
    'turn',
    'score',
  ]
  bare = _read_json(linear_version, layout.SPECS)
  assert [p['name'] for p in bare['observation']] == ['observation']
  assert [p['name'] for p in bare['action']] == ['action']


def test_golden_pairs_are_the_answers_in_memory(agent, version):
  pairs = golden.read(os.path.join(version, layout.GOLDEN))
  assert sorted(pairs) == TRACED
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
  kinds = ['actor', 'cem_with_candidate']
  assert sorted(model.signatures) == ['action', *kinds, 'serving_default']
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
  assert len(ours) == 5
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
  loading.load(version)


def test_releases_of_tensorflow_are_not_mixed_without_a_word(
  linear_agent, tmp_path, caplog
):
  for step in (1, 2):
    export_lib.export(linear_agent, str(tmp_path), train_step=step)
  assert not caplog.messages
  path = tmp_path / '1' / layout.METADATA
  path.write_text(path.read_text().replace(tf.__version__, '2.13.1'))
  export_lib.export(linear_agent, str(tmp_path), train_step=3)
  release = '.'.join(tf.__version__.split('.')[:2])
  (line,) = caplog.messages
  assert f'{tmp_path} holds versions of several releases' in line
  assert f'(1 by 2.13; 2, 3 by {release}): export them again' in line


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
