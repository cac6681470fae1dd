import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from awopt_agent.serving import export as export_lib
from awopt_agent.serving import layout, loading
from tests.serving import fakes


@pytest.fixture(name='version', scope='module')
def _version(tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('policies'))
  return export_lib.export(fakes.make_picture_agent(), folder, train_step=3)


def _requests(version):
  """Reads the file as the model server does."""
  path = os.path.join(version, 'assets.extra', 'tf_serving_warmup_requests')
  assert path == os.path.join(version, layout.WARMUP)
  for record in tf.data.TFRecordDataset(path):
    log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
    assert log.WhichOneof('log_type') == 'predict_log'
    yield log.predict_log.request


def test_each_signature_is_asked_once_for_one_robot(version):
  model = loading.load(version)
  asked = []
  for request in _requests(version):
    name = request.model_spec.signature_name
    arrays = {
      part: tf.make_ndarray(proto) for part, proto in request.inputs.items()
    }
    assert {len(array) for array in arrays.values()} == {1}
    answer = loading.as_array_function(model.signatures[name])(arrays)
    assert np.all(np.isfinite(answer['action']))
    asked.append(name)
  assert sorted(asked) == sorted(model.signatures)
  assert {'serving_default', 'action', 'action_encoded'} <= set(asked)


def test_pictures_are_files_in_the_encoded_signatures(version):
  requests = {r.model_spec.signature_name: r for r in _requests(version)}
  pixels = tf.make_ndarray(requests['actor'].inputs['image'])[0]
  (file,) = requests['actor_encoded'].inputs['image'].string_val
  np.testing.assert_array_equal(tf.io.decode_png(file), pixels)


def test_who_loads_a_policy_needs_no_serving_api(version):
  program = (
    'import sys\n'
    "sys.modules['tensorflow_serving'] = None\n"
    'from awopt_agent.serving import export, follower\n'
    'follower.Follower(sys.argv[1], every_s=None)\n'
  )
  subprocess.run(
    [sys.executable, '-c', program, os.path.dirname(version)],
    cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
    check=True,
  )
