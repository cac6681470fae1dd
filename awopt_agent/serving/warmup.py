"""Requests with which a model server warms up a version before it serves it.

TensorFlow builds and optimises a signature's graph when it is first called,
which takes a second or so: too late for a robot.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from awopt_agent.serving import layout

__all__ = ['write']


def write(
  folder: str, requests: Iterable[tuple[str, Mapping[str, np.ndarray]]]
) -> None:
  """Writes requests where TensorFlow Serving's model server looks for them.

  Args:
    folder: Of the version.
    requests: Signatures, each with its inputs by name.
  """
  with tf.io.TFRecordWriter(os.path.join(folder, layout.WARMUP)) as file:
    for signature, inputs in requests:
      file.write(_as_log(signature, inputs).SerializeToString())


def _as_log(signature: str, inputs: Mapping[str, np.ndarray]) -> Any:
  # Not at the top: who loads this package for its other parts has no need.
  from tensorflow_serving.apis import prediction_log_pb2

  log = prediction_log_pb2.PredictionLog()
  request = log.predict_log.request
  request.model_spec.signature_name = signature
  for name, value in inputs.items():
    request.inputs[name].CopyFrom(_as_proto(value))
  return log


def _as_proto(value: np.ndarray) -> Any:
  if value.dtype.kind == 'S':
    return tf.make_tensor_proto(value.tolist(), tf.string)
  return tf.make_tensor_proto(value)
