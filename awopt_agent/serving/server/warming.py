"""Makes a version answer its first request as fast as all others.

TensorFlow optimises a signature's graph when it is first called, and at no
batch size again: half a second for a CEM policy, too late for a robot.
"""

import gc
import os
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from awopt_agent.serving import layout
from awopt_agent.serving import predictor as predictor_lib
from awopt_agent.serving.server import proto_tensors

__all__ = ['settle_memory', 'warm']


def warm(predictor: predictor_lib.Predictor) -> None:
  """Calls each signature, with what the model server would call it with.

  Raises:
    Exception: Whatever `Predictor.run` raises: who does not answer this will
      not answer a robot.
  """
  path = os.path.join(predictor.folder, layout.WARMUP)
  for request in _requests(path):
    name = request.model_spec.signature_name
    signature = predictor.signatures.get(name)
    if signature is not None:
      arrays = proto_tensors.decode_inputs(request.inputs, signature, 1)
      predictor.run(name, arrays)


def settle_memory() -> None:
  """Spares what is there now from Python's collector of garbage.

  Each request that holds a picture as numbers makes thousands of lists, and
  so has it look through all of TensorFlow's objects now and then: 90 ms.
  """
  gc.unfreeze()  # A version that was replaced may be garbage.
  gc.collect()
  gc.freeze()


def _requests(path: str) -> Iterator[Any]:
  if not os.path.isfile(path):
    return
  for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
    log = prediction_log_pb2.PredictionLog.FromString(record)
    yield log.predict_log.request
