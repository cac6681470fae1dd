import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.serving import export as export_lib
from awopt_agent.serving import golden, layout
from awopt_agent.serving import predictor as predictor_lib
from tests.serving import fakes

KINDS = ('actor', 'cem', 'cem_with_candidate')


@pytest.fixture(name='agent', scope='module')
def _agent():
  return fakes.make_agent(fakes.DICT_OBSERVATION, fakes.DICT_ACTION)


@pytest.fixture(name='exported', scope='module')
def _exported(agent, tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('policies'))
  return export_lib.export(agent, folder, train_step=30)


@pytest.fixture(name='predictor', scope='module')
def _predictor(exported):
  return predictor_lib.Predictor(exported)


@pytest.fixture(name='version')
def _version(exported, tmp_path):
  """A copy to be damaged."""
  return pathlib.Path(shutil.copytree(exported, tmp_path / '30'))


def _row(observation, index):
  return tf.nest.map_structure(lambda x: x[index], observation)


def _refusal(folder, **kwargs):
  with pytest.raises(ValueError) as error:
    predictor_lib.Predictor(str(folder), **kwargs)
  assert '\n' not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize('kind', KINDS)
def test_acts_as_the_policy_in_memory(agent, exported, kind):
  predictor = predictor_lib.Predictor(exported, policy=kind)
  observation = fakes.observe(fakes.DICT_OBSERVATION, 7)
  expected = fakes.act(agent, kind, observation)
  fakes.assert_same_actions(predictor.predict(observation), expected)


def test_one_observation_gets_the_action_of_its_row(predictor):
  observation = fakes.observe(fakes.DICT_OBSERVATION, 5)
  batch = predictor.predict(observation)
  for index in range(5):
    one = predictor.predict(_row(observation, index))
    fakes.assert_same_actions(one, _row(batch, index))
  assert one['move'].shape == (3,) and one['close'].shape == ()


def test_a_bare_observation_gets_a_bare_action(tmp_path):
  agent = fakes.make_agent(fakes.BARE_OBSERVATION, fakes.BARE_ACTION)
  export_lib.export(agent, str(tmp_path), train_step=1)
  predictor = predictor_lib.Predictor(str(tmp_path))
  observation = fakes.observe(fakes.BARE_OBSERVATION, 2)
  expected = fakes.act(agent, 'cem_with_candidate', observation)
  fakes.assert_same_actions(predictor.predict(observation), expected)
  by_name = predictor.predict({'observation': observation[0]})
  fakes.assert_same_actions(by_name, expected[0])


def test_nested_observations_get_nested_actions(tmp_path):
  agent = fakes.make_agent(fakes.NESTED_OBSERVATION, fakes.NESTED_ACTION)
  export_lib.export(agent, str(tmp_path), train_step=1)
  predictor = predictor_lib.Predictor(str(tmp_path), policy='actor')
  names = [part.name for part in predictor.observation_spec]
  assert names == ['arm_pose', 'cup_0', 'cup_1']
  observation = fakes.observe(fakes.NESTED_OBSERVATION, 3)
  expected = fakes.act(agent, 'actor', observation)
  fakes.assert_same_actions(predictor.predict(observation), expected)
  flat = dict(zip(names, tf.nest.flatten(observation), strict=True))
  fakes.assert_same_actions(predictor.predict(flat), expected)


def _observe_and_act(count):
  return (
    fakes.observe(fakes.DICT_OBSERVATION, count),
    fakes.draw_actions(fakes.DICT_ACTION, count),
  )


def test_values_actions_as_the_agent_in_memory(agent, predictor):
  assert predictor.has_q_value
  observation, action = _observe_and_act(5)
  expected = agent.q_value(observation, action)
  values = predictor.q_value(observation, action)
  assert (values.shape, values.dtype) == ((5,), np.float32)
  np.testing.assert_allclose(values, expected, rtol=0, atol=1e-5)
  for index in range(5):
    one = predictor.q_value(_row(observation, index), _row(action, index))
    assert isinstance(one, float)
    np.testing.assert_allclose(one, expected[index], rtol=0, atol=1e-5)


@pytest.mark.parametrize('count', [None, 3])
def test_takes_for_an_action_what_it_predicted(tmp_path, count):
  agent = fakes.make_agent(fakes.NESTED_OBSERVATION, fakes.NESTED_ACTION)
  export_lib.export(agent, str(tmp_path), train_step=1)
  predictor = predictor_lib.Predictor(str(tmp_path))
  batch = fakes.observe(fakes.NESTED_OBSERVATION, count or 1)
  observation = batch if count else _row(batch, 0)
  action = predictor.predict(observation)
  expected = agent.q_value(batch, predictor.predict(batch))
  np.testing.assert_allclose(
    predictor.q_value(observation, action),
    expected if count else expected[0],
    rtol=0,
    atol=1e-5,
  )


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'turn': None}, "action lacks 'turn'; pass the parts close, move, turn"),
    ({'colour': np.zeros(3)}, "action has an unknown 'colour'"),
    ({'turn': np.zeros(1)}, "action 'turn' must be float32, got float64"),
    ({'close': np.float32(1)}, "action 'close' must be int32, got float32"),
    ({'move': np.zeros(2, np.float32)}, r"action 'move' .*\[3\].*got \[2\]"),
    ({'move': np.float32([0, np.nan, 0])}, "action 'move' holds NaN"),
    ({'close': np.int32([1, 0])}, 'parts of the action differ in their batch'),
  ],
)
def test_refuses_an_action_and_names_the_part(predictor, change, message):
  observation, action = (_row(nest, 0) for nest in _observe_and_act(1))
  action = {k: v for k, v in {**action, **change}.items() if v is not None}
  with pytest.raises(ValueError, match=message) as error:
    predictor.q_value(observation, action)
  assert '\n' not in str(error.value)


def test_refuses_an_observation_to_value_and_names_the_part(predictor):
  observation, action = _observe_and_act(1)
  observation['steps_left'] = np.float32([[np.nan]])
  with pytest.raises(ValueError, match="observation 'steps_left' holds NaN"):
    predictor.q_value(observation, action)


def test_refuses_actions_that_are_not_one_for_each_observation(predictor):
  observation, action = _observe_and_act(2)
  one = _row(action, 0)
  several = tf.nest.map_structure(lambda x: x[:1], action)
  for wrong, shape in ((one, r'\[\]'), (several, r'\[1\]')):
    with pytest.raises(ValueError, match=rf'\(\[2\] and {shape}\); pass one'):
      predictor.q_value(observation, wrong)


def test_an_export_without_values_acts_all_the_same(tmp_path):
  # As exports were before there were values.
  folder = export_lib.export(fakes.LinearAgent(), str(tmp_path), train_step=1)
  predictor = predictor_lib.Predictor(folder)
  observation = fakes.observe(fakes.BARE_OBSERVATION, 2)
  action = predictor.predict(observation)
  assert action.shape == (2, 2)
  assert not predictor.has_q_value
  with pytest.raises(ValueError, match="'q_values'.*; export the policy again"):
    predictor.q_value(observation, action)


def test_tells_metadata_and_specs(predictor, exported):
  assert predictor.folder == exported
  assert predictor.metadata['train_step'] == 30
  action = {part.name: part for part in predictor.action_spec}
  assert action['turn'].shape == (1,)
  assert (action['turn'].minimum, action['turn'].maximum) == (-2.0, 4.0)
  assert action['close'].dtype == 'int32'
  assert [p.name for p in predictor.observation_spec] == list(
    fakes.DICT_OBSERVATION
  )


def test_needs_numpy_and_tensorflow_alone(exported):
  program = (
    'import sys\n'
    "for name in ('tf_agents', 'tensorflow_probability', 'reverb', 'gin',\n"
    "             'pybullet', 'tensorflow_datasets', 'rlds'):\n"
    '  sys.modules[name] = None\n'
    'from awopt_agent.serving import predictor\n'
    'predictor.Predictor(sys.argv[1])\n'
  )
  subprocess.run(
    [sys.executable, '-c', program, exported],
    cwd=pathlib.Path(__file__).parent.parent.parent,
    check=True,
  )


def test_takes_the_newest_complete_version(exported, tmp_path):
  for step in ('9', '10', '200'):
    shutil.copytree(exported, tmp_path / step)
  (tmp_path / '200' / 'saved_model.pb').unlink()
  (tmp_path / '.partial-300').mkdir()
  (tmp_path / 'notes').mkdir()
  newest = predictor_lib.Predictor(str(tmp_path)).folder
  assert newest == str(tmp_path / '10')


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'gripper': None}, "observation lacks 'gripper'; pass the parts gripper,"),
    ({'colour': np.zeros(3)}, "observation has an unknown 'colour'"),
    ({'gripper': np.zeros(6)}, "'gripper' must be float32, got float64"),
    ({'gripper': np.zeros(5, np.float32)}, r"'gripper' .*\[6\].*got \[5\]"),
    (
      {'gripper': np.zeros([2, 6], np.float32)},
      r'differ in their batch dimensions \(gripper \[2\], objects \[\]',
    ),
    ({'steps_left': np.float32([np.nan])}, "'steps_left' holds NaN"),
    ({'steps_left': np.float32([np.inf])}, "'steps_left' holds NaN or inf"),
  ],
)
def test_refuses_an_observation_and_names_the_part(predictor, change, message):
  observation = _row(fakes.observe(fakes.DICT_OBSERVATION, 1), 0)
  observation.update(change)
  observation = {k: v for k, v in observation.items() if v is not None}
  with pytest.raises(ValueError, match=message):
    predictor.predict(observation)


def test_refuses_an_unknown_policy(exported):
  message = _refusal(exported, policy='best')
  assert "no policy 'best'; choose one of actor, cem, cem_with" in message


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
  # Its parent has no other version.
  assert f'lacks {name}; ' in _refusal(version.parent)


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


@pytest.mark.parametrize('signature', [*KINDS, 'serving_default'])
def test_refuses_other_actions_than_the_golden_ones(version, signature):
  path = str(version / layout.GOLDEN)
  pairs = golden.read(path)
  turn = pairs[signature].outputs['turn']
  turn[3, 0] += 1e-4
  golden.write(path, pairs)
  _sum_again(version)
  message = _refusal(version)
  assert f"signature '{signature}' answers 'turn' = " in message
  assert f' instead of {turn[3, 0]!s} to golden input 3' in message
  assert f'with TensorFlow {tf.__version__}' in message


def test_refuses_other_values_than_the_golden_ones(version):
  path = str(version / layout.GOLDEN)
  pairs = golden.read(path)
  pairs['q_values'].outputs['q_values'][3] += 1e-4
  golden.write(path, pairs)
  _sum_again(version)
  assert "signature 'q_values' answers 'q_values' = " in _refusal(version)


def test_refuses_other_weights_than_the_golden_ones(version):
  model = tf.saved_model.load(str(version))
  for variable in model.policy_variables:
    variable.assign(-variable)
  checkpoint = tf.train.Checkpoint(policy_variables=model.policy_variables)
  checkpoint.write(str(version / 'variables' / 'variables'))
  _sum_again(version)
  assert "signature 'actor' answers 'close' = " in _refusal(version)


def test_refuses_folders_without_a_version(tmp_path):
  assert f'{tmp_path / "no"} is no folder' in _refusal(tmp_path / 'no')
  assert f'{tmp_path} holds no exported policy' in _refusal(tmp_path)
  (tmp_path / '7').mkdir()
  expected = f'{tmp_path / "7"} lacks assets.extra/SHA256SUMS'
  assert expected in _refusal(tmp_path)
  assert expected in _refusal(tmp_path / '7')


def test_refuses_damaged_sums(version):
  (version / 'assets.extra' / 'SHA256SUMS').write_bytes(b'\xff\x00\n')
  assert f'{version}: assets.extra/SHA256SUMS is damaged' in _refusal(version)
