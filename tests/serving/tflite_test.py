import os

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.serving import export as export_lib
from awopt_agent.serving import golden, layout, loading, tflite
from tests.serving import fakes


@pytest.fixture(name='agent', scope='module')
def _agent():
  return fakes.make_image_agent()


@pytest.fixture(name='version', scope='module')
def _version(agent, tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('policies'))
  return export_lib.export(agent, folder, train_step=3, tflite=True)


@pytest.mark.parametrize('kind', fakes.KINDS)
def test_files_act_as_the_policy_in_memory(agent, version, kind):
  path = os.path.join(version, 'assets.extra', f'{kind}.tflite')
  interpreter = tf.lite.Interpreter(model_path=path)
  runner = interpreter.get_signature_runner(kind)
  for count in (1, 5):
    observation = fakes.observe(fakes.IMAGE_OBSERVATION, count)
    expected = fakes.act(agent, kind, observation)
    actual = {
      name: np.array(value) for name, value in runner(**observation).items()
    }
    fakes.assert_same_actions(actual, expected)


def test_metadata_say_how_far_they_are_and_what_they_need(version):
  records = loading.read_json(version, layout.METADATA)['tflite']
  assert sorted(records) == sorted(fakes.KINDS)
  for kind, record in records.items():
    assert record['file'] == f'{kind}.tflite'
    assert 0 <= record['max_difference'] < 1e-5
    assert (record['unequal'], record['rows']) == (0, 8)
    assert record['ops'] == 'builtin'
  lines = tflite.describe(records)
  assert lines[0].startswith('actor: actor.tflite (builtin operations) differs')
  assert lines[0].endswith('and in 0 of 8 discrete choices')


def _save(folder, body):
  """Saves a module with one signature, `act`, from x `[B, 2]`."""
  module = tf.Module()
  function = tf.function(body, autograph=False)
  spec = tf.TensorSpec([None, 2], tf.float32, 'x')
  module.act = function
  concrete = function.get_concrete_function(x=spec)
  tf.saved_model.save(module, str(folder), {'act': concrete})
  (folder / layout.EXTRA).mkdir()
  return str(folder)


def test_the_difference_is_measured(tmp_path):
  folder = _save(
    tmp_path / 'v',
    lambda x: {'y': x + 1.0, 'z': tf.cast(tf.math.round(x[:, 0]), tf.int32)},
  )
  x = np.float32([[1, 2], [3, 4], [5, 6]])
  # Off by .5 in the second row; other choices in the first and the third.
  y = x + 1 + np.float32([[0], [-0.5], [0.25]])
  pair = golden.Golden({'x': x}, {'y': y, 'z': np.int32([0, 3, 4])})
  found = tflite.convert(folder, 'act', pair)
  assert found.file == 'act.tflite' and found.reason is None
  assert found.max_difference == pytest.approx(0.5)
  assert (found.unequal, found.rows) == (2, 3)


def test_operations_that_tflite_lacks_may_be_tensorflows(tmp_path):
  def act(x):
    seed = tf.cast(x[0], tf.int32)
    return {'y': x + tf.random.stateless_normal([1, 2], seed)}

  folder = _save(tmp_path / 'v', act)
  x = np.float32([[1, 2]])
  pair = golden.Golden({'x': x}, {'y': act(tf.constant(x))['y'].numpy()})
  found = tflite.convert(folder, 'act', pair)
  assert (found.file, found.ops) == ('act.tflite', 'select')
  assert found.max_difference < 1e-5


def test_the_reason_leaves_out_the_place(tmp_path):
  def act(x):
    return {'y': tf.cast(tf.cast(x, tf.bfloat16) * 2, tf.float32)}

  folder = _save(tmp_path / 'v', act)
  x = np.float32([[1, 2]])
  found = tflite.convert(folder, 'act', golden.Golden({'x': x}, {'y': 2 * x}))
  assert found.reason.startswith("Failed to convert element type 'bf16': ")


def test_what_cannot_be_converted_is_no_file_but_a_reason(tmp_path, capfd):
  def act(x):
    # A variable number of rows, for which TFLite has nothing.
    names = tf.strings.as_string(x)
    words = tf.strings.split(tf.reshape(names, [-1]), '.').to_tensor()
    return {'y': tf.strings.to_number(words)}

  folder = _save(tmp_path / 'v', act)
  x = np.float32([[1, 2]])
  found = tflite.convert(folder, 'act', golden.Golden({'x': x}, {'y': x}))
  assert found.reason and '\n' not in found.reason
  assert os.listdir(os.path.join(folder, layout.EXTRA)) == []
  record = found.as_record()
  assert list(record) == ['reason']
  (line,) = tflite.describe({'act': record})
  assert line.startswith('act: no TFLite file, for the converter says: ')
  assert capfd.readouterr().err == ''


def test_an_answer_that_is_not_finite_is_no_file(tmp_path):
  folder = _save(tmp_path / 'v', lambda x: {'y': tf.sqrt(-x * x - 1.0)})
  x = np.float32([[1, 2]])
  pair = golden.Golden({'x': x}, {'y': x})
  found = tflite.convert(folder, 'act', pair)
  assert found.file is None
  assert found.reason == "the file answers 'y' that is not finite"
