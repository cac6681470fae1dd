import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.serving import export as export_lib
from awopt_agent.serving import limits as limits_lib
from awopt_agent.serving import predictor as predictor_lib
from tests.serving import fakes

KINDS = fakes.KINDS


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


@pytest.fixture(name='linear', scope='module')
def _linear(tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('linear'))
  return export_lib.export(fakes.LinearAgent(), folder, train_step=1)


def _row(observation, index):
  return tf.nest.map_structure(lambda x: x[index], observation)


def _refusal(folder, **kwargs):
  with pytest.raises(ValueError) as error:
    predictor_lib.Predictor(str(folder), **kwargs)
  assert '\n' not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize('kind', KINDS)
def test_acts_as_the_policy_in_memory(agent, predictor, kind):
  observation = fakes.observe(fakes.DICT_OBSERVATION, 7)
  expected = fakes.act(agent, kind, observation)
  fakes.assert_same_actions(predictor.run(kind, observation), expected)
  if kind == 'cem_with_candidate':
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


@pytest.fixture(name='nested', scope='module')
def _nested(tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('nested'))
  agent = fakes.make_agent(fakes.NESTED_OBSERVATION, fakes.NESTED_ACTION)
  export_lib.export(agent, folder, train_step=1)
  return agent, predictor_lib.Predictor(folder, policy='actor')


def test_nested_observations_get_nested_actions(nested):
  agent, predictor = nested
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
def test_takes_for_an_action_what_it_predicted(nested, count):
  agent, predictor = nested
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
  folder = export_lib.export(fakes.LinearAgent(), str(tmp_path), train_step=1)
  predictor = predictor_lib.Predictor(folder)
  observation = fakes.observe(fakes.BARE_OBSERVATION, 2)
  action = predictor.predict(observation)
  assert action.shape == (2, 2)
  assert not predictor.has_q_value
  with pytest.raises(ValueError, match="'q_values'.*; export the policy of"):
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


def test_needs_numpy_and_tensorflow_alone(linear):
  program = (
    'import sys\n'
    "for name in ('tf_agents', 'tensorflow_probability', 'reverb', 'gin',\n"
    "             'pybullet', 'tensorflow_datasets', 'rlds'):\n"
    '  sys.modules[name] = None\n'
    'from awopt_agent.serving import predictor\n'
    'predictor.Predictor(sys.argv[1])\n'
  )
  subprocess.run(
    [sys.executable, '-c', program, linear],
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
    (
      {'steps_left': np.float32([1.1])},
      r"'steps_left' = 1\.1 at \[0\] is above its bound 1\.0",
    ),
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


def test_refuses_folders_without_a_version(tmp_path):
  assert f'{tmp_path / "no"} is no folder' in _refusal(tmp_path / 'no')
  assert f'{tmp_path} holds no exported policy' in _refusal(tmp_path)
  (tmp_path / '7').mkdir()
  expected = f'{tmp_path / "7"} lacks assets.extra/SHA256SUMS'
  assert expected in _refusal(tmp_path)
  assert expected in _refusal(tmp_path / '7')


def test_tells_its_version_and_signatures(predictor):
  assert predictor.version == 30
  inputs, outputs, batched = predictor.signatures['cem_with_score']
  assert inputs == predictor.observation_spec and batched
  assert outputs[:-1] == predictor.action_spec
  assert [part.name for part in outputs] == [
    *sorted(fakes.DICT_ACTION),
    'score',
  ]
  inputs, outputs, batched = predictor.signatures['practice_initial_state']
  assert [part.name for part in inputs] == ['batch_size'] and not batched
  assert [part.name for part in outputs] == ['state_source', 'state_seed']
  assert len(predictor.signatures) == 12


def test_runs_signatures_as_they_are_named(agent, predictor):
  observation = fakes.observe(fakes.DICT_OBSERVATION, 3)
  outputs = predictor.run('actor_with_score', observation)
  score = outputs.pop('score')
  fakes.assert_same_actions(outputs, fakes.act(agent, 'actor', observation))
  expected = agent.q_value(observation, outputs)
  np.testing.assert_allclose(score, expected, rtol=0, atol=1e-5)
  action = {f'action_{name}': value for name, value in outputs.items()}
  values = predictor.run('q_values', {**observation, **action})
  np.testing.assert_allclose(values['q_values'], score, rtol=0, atol=1e-5)


def test_practises_an_episode_as_the_collect_policy(agent, predictor):
  served = predictor.run('practice_initial_state', {'batch_size': np.int32(4)})
  state, sources = served['state_source'], []
  for step in range(5):
    observation = fakes.observe(fakes.DICT_OBSERVATION, 4, seed=step)
    step_type = np.full(4, min(step, 1), np.int32)
    expected = fakes.practise(
      agent.collect_policy, observation, step_type, state, served['state_seed']
    )
    outputs = predictor.run(
      'practice', {**observation, 'step_type': step_type, **served}
    )
    actual = {name: outputs[name] for name in fakes.DICT_ACTION}
    fakes.assert_same_actions(actual, expected.action)
    served = {name: outputs[name] for name in ('state_source', 'state_seed')}
    state = expected.state
    np.testing.assert_array_equal(served['state_source'], state)
    sources.append(outputs['info_source'])
  # Who acts is drawn where an episode begins, and kept.
  np.testing.assert_array_equal(sources, [sources[0]] * 5)
  assert set(sources[0]) <= {1, 2}


def test_rows_practise_by_their_own_chance(predictor):
  observation = fakes.observe(fakes.DICT_OBSERVATION, 1)
  rows = {name: np.repeat(value, 40, 0) for name, value in observation.items()}
  state = predictor.run('practice_initial_state', {'batch_size': np.int32(40)})
  first = np.zeros(40, np.int32)
  outputs = predictor.run('practice', {**rows, 'step_type': first, **state})
  # The actor has one of five; that all are of one kind has a chance of 1e-4.
  assert set(outputs['info_source']) == {1, 2}
  alone = {name: value[7:8] for name, value in {**rows, **state}.items()}
  one = predictor.run('practice', {**alone, 'step_type': first[:1]})
  for name, value in one.items():
    np.testing.assert_allclose(value, outputs[name][7:8], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
  ('signature', 'change', 'message'),
  [
    ('best', {}, "no signature 'best'; choose one of action, action_with_"),
    ('actor', {'gripper': None}, "input lacks 'gripper'; pass the parts grip"),
    ('actor', {'move': np.zeros(3)}, "input has an unknown 'move'"),
    ('actor', {'gripper': 'a'}, "input 'gripper' must be float32, got <U1"),
    (
      'actor',
      {'gripper': np.zeros(6, np.float32)},
      'parts of the input differ in their batch dimensions',
    ),
    (
      'actor',
      {'gripper': np.full([2, 6], 1.2, np.float32)},
      r"input 'gripper' = 1\.2 at \[0, 0\] is above its bound 1\.0",
    ),
    ('cem', {'objects': np.full([2, 2, 6], np.nan, np.float32)}, 'holds NaN'),
    ('practice', {}, "input lacks 'state_seed', lacks 'state_source', lacks"),
  ],
)
def test_refuses_to_run_and_names_the_input(
  predictor, signature, change, message
):
  arrays = {**fakes.observe(fakes.DICT_OBSERVATION, 2), **change}
  arrays = {name: v for name, v in arrays.items() if v is not None}
  with pytest.raises(ValueError, match=message) as error:
    predictor.run(signature, arrays)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('size', 'message'),
  [
    (np.int32(0), "'batch_size' = 0 is below its bound 1"),
    (np.int32(4097), 'is above its bound 4096'),
    (np.int32([1, 1]), "'batch_size' must have shape \\[\\], got \\[2\\]"),
  ],
)
def test_refuses_a_size_that_is_none(predictor, size, message):
  with pytest.raises(ValueError, match=message):
    predictor.run('practice_initial_state', {'batch_size': size})


def test_times_what_it_answers(linear):
  predictor = predictor_lib.Predictor(linear, policy='actor')
  observation = fakes.observe(fakes.BARE_OBSERVATION, 2)
  for _ in range(3):
    predictor.predict(observation)
  predictor.run('actor', {'observation': observation})
  with pytest.raises(ValueError):
    predictor.predict({})
  found = predictor.latency()
  assert found.calls == 4
  assert 0 < found.p50_ms <= found.p95_ms <= found.p99_ms < 1e4


def test_bounds_actions_by_the_limits(linear):
  observation = fakes.observe(fakes.BARE_OBSERVATION, 20)
  actions = predictor_lib.Predictor(linear).predict(observation)
  lengths = np.linalg.norm(actions, axis=1, keepdims=True)
  longer = int(np.sum(lengths > 1.5))
  assert 0 < longer < 20
  expected = actions * np.minimum(1, 1.5 / lengths)
  limits = limits_lib.ActionLimits(part='action', greatest_step_m=1.5)
  predictor = predictor_lib.Predictor(linear, limits=limits)
  actual = predictor.predict(observation)
  assert actual.dtype == np.float32
  np.testing.assert_allclose(actual, expected, atol=1e-5)
  outputs = predictor.run('action', {'observation': observation})
  np.testing.assert_allclose(outputs['action'], expected, atol=1e-5)
  assert predictor.clipped == (40, 0, 0, 2 * longer)


class _Inverse(fakes.LinearPolicy):
  """Sees 1 / x, and so has no action at 0."""

  def _see(self, observation):
    return 1 / observation


def test_an_answer_that_is_no_number_is_none(tmp_path):
  agent = fakes.LinearAgent(_Inverse)
  folder = export_lib.export(agent, str(tmp_path), train_step=1)
  predictor = predictor_lib.Predictor(folder)
  good = np.float32([[0.1, 0.2, 0.3, 0.4]])
  bad = np.float32([[0, 0, 0, 0]])
  assert np.all(np.isfinite(predictor.predict(good)))
  for ask in (
    predictor.predict,
    lambda x: predictor.run('actor', {'observation': x}),
  ):
    with pytest.raises(
      FloatingPointError, match="answers 'action' that is not"
    ):
      ask(bad)
  assert predictor.latency().calls == 1


def test_bounds_somebody_elses_action_as_its_own(linear):
  limits = limits_lib.ActionLimits(part='action', greatest_step_m=1.5)
  predictor = predictor_lib.Predictor(linear, limits=limits)
  observation = fakes.observe(fakes.BARE_OBSERVATION, 1)[0]

  def bound(*action):
    return predictor.bound(observation, np.array(action, np.float32))

  np.testing.assert_array_equal(bound(0.5, -1), [0.5, -1])
  # To the spec's 3, then of length 1.5: a unit of 3, 4, 5.
  np.testing.assert_allclose(bound(3, -4), [1.5 * 0.7071, -1.5 * 0.7071], 1e-4)
  np.testing.assert_allclose(bound(1.2, 1.6), [0.9, 1.2], rtol=1e-5)
  assert predictor.clipped == (3, 1, 0, 2)
  with pytest.raises(ValueError, match="action 'action' holds NaN"):
    bound(np.nan, 0)
  with pytest.raises(ValueError, match="action 'action' must be float32"):
    predictor.bound(observation, np.zeros(2))
  with pytest.raises(ValueError, match="'action' must have shape"):
    predictor.bound(observation, np.zeros([1, 2], np.float32))
  with pytest.raises(ValueError, match="'observation' = 2"):
    predictor.bound(np.full(4, 2, np.float32), np.zeros(2, np.float32))


def test_refuses_limits_that_do_not_fit(linear):
  limits = limits_lib.ActionLimits(part='lift', greatest_step_m=0.5)
  message = _refusal(linear, limits=limits)
  assert "ActionLimits.part is 'lift'; choose" in message


@pytest.fixture(name='pictures', scope='module')
def _pictures(tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('pictures'))
  export_lib.export(fakes.make_picture_agent(), folder, train_step=3)
  return predictor_lib.Predictor(folder)


def _encode(observation, encode=tf.io.encode_png):
  files = [encode(pixels).numpy() for pixels in observation['image']]
  return {**observation, 'image': files}


@pytest.mark.parametrize('count', [1, 64])
def test_files_get_the_actions_of_their_pixels(pictures, count):
  observation = fakes.observe(fakes.IMAGE_OBSERVATION, count)
  expected = pictures.run('action', observation)
  assert np.std(expected['action']) > 0.01 or count == 1
  actual = pictures.run('action_encoded', _encode(observation))
  np.testing.assert_array_equal(actual['action'], expected['action'])
  # What JPEG loses is small here, but not nothing.
  lossy = _encode(observation, tf.io.encode_jpeg)
  actual = pictures.run('action_encoded', lossy)
  decoded = [tf.io.decode_jpeg(file).numpy() for file in lossy['image']]
  expected = pictures.run('action', {**observation, 'image': np.array(decoded)})
  np.testing.assert_array_equal(actual['action'], expected['action'])


def test_refuses_files_and_names_the_picture(pictures):
  observation = fakes.observe(fakes.IMAGE_OBSERVATION, 3)
  good = _encode(observation)['image']
  other = tf.io.encode_png(np.zeros([10, 12, 3], np.uint8)).numpy()
  for file, message in (
    (b'', "input 'image', row 2, is no JPEG or PNG file: it has 0 bytes"),
    (good[2][:-30], "input 'image', row 2, cannot be decoded: "),
    (other, "'image', row 2, is a PNG file of 10 x 12 pixels; pass .*12 x 10"),
    (None, "input 'image' must be bytes, got NoneType"),
  ):
    arrays = {**observation, 'image': [*good[:2], file]}
    with pytest.raises(ValueError, match=message) as error:
      pictures.run('action_encoded', arrays)
    assert '\n' not in str(error.value)
