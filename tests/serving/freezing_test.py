import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.serving import freezing


def _save(folder, body, **variables):
  module = tf.Module()
  module.kept = variables
  function = tf.function(body, autograph=False).get_concrete_function(
    arm_x=tf.TensorSpec([None, 2], tf.float32, 'arm_x'),
    x=tf.TensorSpec([None, 2], tf.float32, 'x'),
  )
  tf.saved_model.save(module, str(folder), {'act': function})
  return tf.saved_model.load(str(folder))


def _operations(model):
  definition = model.signatures['act'].graph.as_graph_def()
  nodes = [*definition.node]
  for function in definition.library.function:
    nodes += function.node_def
  return {node.op for node in nodes}


def test_the_answers_stay_and_chance_and_variables_go(tmp_path):
  weight = tf.Variable([[2.0], [3.0]])

  def act(arm_x, x):
    seed = tf.random.experimental.stateless_fold_in(tf.constant([3, 4]), 5)
    noise = tf.random.stateless_normal([1, 2], seed)
    shaped = tf.ensure_shape(tf.reshape(arm_x, tf.shape(x)), [None, 2])
    return {'b': x - shaped + noise, 'a': x @ weight}

  model = _save(tmp_path / 'whole', act, weight=weight)
  freezing.save_frozen(model, 'act', str(tmp_path / 'frozen'))
  frozen = tf.saved_model.load(str(tmp_path / 'frozen'))
  assert not frozen.signatures['act'].variables
  for rows in (1, 3):
    x = tf.random.stateless_normal([rows, 2], [0, rows])
    expected = model.signatures['act'](x=x, arm_x=2 * x)
    actual = frozen.signatures['act'](x=x, arm_x=2 * x)
    for name, value in expected.items():
      np.testing.assert_allclose(actual[name], value, atol=1e-6)
  before, after = _operations(model), _operations(frozen)
  assert {'StatelessRandomNormalV2', 'EnsureShape', 'ReadVariableOp'} <= before
  gone = ('Stateless', 'EnsureShape', 'ReadVariable')
  assert not [name for name in after if name.startswith(gone)]


def test_chance_that_depends_on_an_input_stays(tmp_path):
  def act(arm_x, x):
    seed = tf.cast(arm_x[0], tf.int32)
    return {'y': x + tf.random.stateless_normal([1, 2], seed)}

  model = _save(tmp_path / 'whole', act)
  freezing.save_frozen(model, 'act', str(tmp_path / 'frozen'))
  frozen = tf.saved_model.load(str(tmp_path / 'frozen')).signatures['act']
  x = tf.zeros([1, 2])
  answers = [frozen(x=x, arm_x=[[seed, 0.0]])['y'] for seed in (1.0, 1.0, 2.0)]
  np.testing.assert_array_equal(answers[0], answers[1])
  assert np.all(answers[0] != answers[2])


def test_an_unknown_signature_is_an_error(tmp_path):
  model = _save(tmp_path / 'whole', lambda arm_x, x: {'y': x + arm_x})
  with pytest.raises(KeyError):
    freezing.save_frozen(model, 'best', str(tmp_path / 'frozen'))
