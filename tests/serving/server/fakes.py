"""A policy that is quick to export, a server for it, and clients."""

import asyncio
import contextlib
import http.client
import json
import threading
import time

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
  model_service_pb2_grpc,
  predict_pb2,
  prediction_service_pb2_grpc,
)
from tf_agents.policies import tf_policy
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import policy_step
from tf_agents.trajectories import time_step as ts

from awopt_agent.serving.server import listening
from awopt_agent.serving.server import service as service_lib

_spec = tensor_spec.BoundedTensorSpec
OBSERVATION = {
  'camera': _spec([4, 6, 3], tf.uint8, 0, 255),
  'gripper': _spec([2], tf.float32, -1.0, 1.0),
}
ACTION = {
  'close': _spec([], tf.int32, 0, 1),
  'move': _spec([2], tf.float32, -1.0, 1.0),
}


class GreyPolicy(tf_policy.TFPolicy):
  """Moves to where the gripper is, times a factor; closes on bright pictures.

  Where the gripper is at (1, 1) exactly, the answer is not finite.
  """

  def __init__(self, time_step_spec, action_spec, factor):
    super().__init__(time_step_spec, action_spec)
    self.factor = tf.Variable(factor, name='factor')

  def _variables(self):
    return [self.factor]

  def _action(self, time_step, policy_state=(), seed=None):
    camera = time_step.observation['camera']
    gripper = time_step.observation['gripper']
    bright = tf.reduce_mean(tf.cast(camera, tf.float32), [1, 2, 3]) > 127.5
    corner = tf.reduce_all(gripper == 1, axis=1, keepdims=True)
    action = {
      'close': tf.cast(bright, tf.int32),
      'move': tf.where(corner, np.nan, self.factor * gripper),
    }
    return policy_step.PolicyStep(action, policy_state)

  def _distribution(self, time_step, policy_state):
    raise NotImplementedError


class GreyAgent:
  """What `export` needs of an agent."""

  headline = 'actor'

  def __init__(self, factor=0.5):
    self.time_step_spec = ts.time_step_spec(OBSERVATION)
    self.action_spec = ACTION
    self.policies = {'actor': GreyPolicy(self.time_step_spec, ACTION, factor)}

  def q_value(self, observation, action):
    return tf.reduce_sum(observation['gripper'] * action['move'], axis=1)


def observe(rows, seed=0):
  """Returns observations `[rows, ...]` inside the bounds."""
  rng = np.random.default_rng(seed)
  return {
    'camera': rng.integers(0, 256, (rows, 4, 6, 3), np.uint8),
    'gripper': rng.uniform(-0.9, 0.9, (rows, 2)).astype(np.float32),
  }


def as_rows(observation):
  """Returns what 'instances' holds."""
  count = len(observation['gripper'])
  return [
    {name: value[row].tolist() for name, value in observation.items()}
    for row in range(count)
  ]


def wait_for(condition, seconds=20):
  """Waits until something has come about, in another thread."""
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end, 'it did not come about'
    time.sleep(0.005)


class Source:
  """What does not look for versions, and can be told of one."""

  def __init__(self, predictor):
    self.predictor = predictor

  def close(self):
    pass


class Slow:
  """A predictor that waits until it may, and remembers its batches."""

  def __init__(self, predictor):
    self._predictor = predictor
    self.go = threading.Event()
    self.entered = threading.Semaphore(0)
    self.batches = []

  def __getattr__(self, name):
    return getattr(self._predictor, name)

  def run(self, signature, arrays):
    self.batches.append(len(next(iter(arrays.values()))))
    self.entered.release()
    assert self.go.wait(30)
    return self._predictor.run(signature, arrays)


def make_service(source, **kwargs):
  """Returns a service that calls no policy unasked."""
  kwargs = {'name': 'policy', 'prepare': lambda predictor: None} | kwargs
  return service_lib.Service(source, **kwargs)


@contextlib.contextmanager
def serving(source, **kwargs):
  """Yields a running server's `Running`; drains and closes it."""
  service = make_service(source, **kwargs)
  loop = asyncio.new_event_loop()
  thread = threading.Thread(target=loop.run_forever, daemon=True)
  thread.start()
  server = listening.Server(service)

  def call(body):
    return asyncio.run_coroutine_threadsafe(body, loop).result(30)

  call(server.start())
  running = Running(service, server, call)
  try:
    yield running
  finally:
    running.drain()
    service.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class Running:
  """A server and its clients."""

  def __init__(self, service, server, call):
    self.service, self.server = service, server
    self._call = call
    self._drained = False
    self.port = int(server.rest_url.split(':')[2].split('/')[0])
    self.channel = grpc.insecure_channel(server.grpc_address)
    self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(
      self.channel
    )
    self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

  def drain(self):
    if not self._drained:
      self._drained = True
      self._call(self.server.drain())
      self.channel.close()

  def connect(self):
    return http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)

  def ask(self, method, path, body=None, headers=None):
    """Returns status, body and headers of an answer."""
    connection = self.connect()
    try:
      connection.request(method, path, body, headers or {})
      response = connection.getresponse()
      return response.status, response.read(), response.headers
    finally:
      connection.close()

  def get(self, path):
    status, body, _ = self.ask('GET', path)
    return status, json.loads(body)

  def post(self, document, path='/v1/models/policy:predict'):
    """Returns status and document of an answer to JSON or bytes."""
    body = document if isinstance(document, bytes) else json.dumps(document)
    status, body, _ = self.ask(
      'POST', path, body, {'Content-Type': 'application/json'}
    )
    return status, json.loads(body)

  def predict(self, observation, signature='', timeout=30, **spec):
    """Returns the response of gRPC to arrays by name."""
    return self.prediction.Predict(
      request_of(observation, signature, **spec), timeout=timeout
    )


def request_of(observation, signature='', name='policy', **spec):
  """Returns a request as a client of the model server makes it."""
  request = predict_pb2.PredictRequest()
  request.model_spec.name = name
  request.model_spec.signature_name = signature
  if 'version' in spec:
    request.model_spec.version.value = spec['version']
  if 'label' in spec:
    request.model_spec.version_label = spec['label']
  for key, value in observation.items():
    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
  return request
