import concurrent.futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  get_model_status_pb2,
)

from awopt_agent.serving.server import limits
from tests.serving.server import fakes

OBSERVATION = fakes.observe(3)
MOVES = 0.5 * OBSERVATION['gripper']


def refusal(call):
  with pytest.raises(grpc.RpcError) as error:
    call()
  return error.value.code().name, error.value.details()


@pytest.mark.parametrize('spec', [{}, {'version': 30}, {'label': 'stable'}])
def test_answers_as_the_model_server(server, spec):
  response = server.predict(OBSERVATION, 'action', **spec)
  assert response.model_spec.name == 'policy'
  assert response.model_spec.version.value == 30
  assert response.model_spec.signature_name == 'action'
  move = response.outputs['move']
  np.testing.assert_allclose(tf.make_ndarray(move), MOVES, atol=1e-6)
  # A client without TensorFlow reads the values themselves.
  np.testing.assert_allclose(move.float_val, MOVES.ravel(), atol=1e-6)
  assert tf.make_ndarray(response.outputs['close']).dtype == np.int32


def test_nothing_named_is_the_default_signature(server):
  response = server.predict(OBSERVATION)
  assert response.model_spec.signature_name == 'serving_default'


def test_gives_the_outputs_that_are_wanted(server):
  request = fakes.request_of(OBSERVATION)
  request.output_filter.append('move')
  assert list(server.prediction.Predict(request).outputs) == ['move']
  request.output_filter.append('speed')
  code, message = refusal(lambda: server.prediction.Predict(request))
  assert code == 'INVALID_ARGUMENT' and 'speed; Outputs expected' in message


def test_pictures_come_as_files(server):
  files = [tf.io.encode_png(one).numpy() for one in OBSERVATION['camera']]
  response = server.predict(
    OBSERVATION | {'camera': np.array(files, object)}, 'action_encoded'
  )
  move = tf.make_ndarray(response.outputs['move'])
  np.testing.assert_allclose(move, MOVES, atol=1e-6)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'gripper': np.float32([[np.nan, 0]] * 3)}, "'gripper' holds NaN or inf"),
    ({'gripper': np.float32([[2, 0]] * 3)}, "'gripper' = 2.0"),
    ({'gripper': np.zeros([3, 2])}, "'gripper' must be float32, got float64"),
    ({'gripper': np.zeros([3, 3], np.float32)}, "'gripper' must have shape"),
    ({'gripper': np.zeros([2, 2], np.float32)}, 'differ in their batch dim'),
    ({'gripper': None}, "lack 'gripper'; pass camera, gripper"),
    ({'colour': np.zeros([3])}, "have an unknown 'colour'"),
    ({'camera': np.array([b'x'] * 3, object)}, "'camera' must be uint8"),
  ],
)
def test_a_bad_observation_gets_no_action_but_a_reason(server, change, message):
  observation = {
    name: value
    for name, value in (OBSERVATION | change).items()
    if value is not None
  }
  code, found = refusal(lambda: server.predict(observation))
  assert code == 'INVALID_ARGUMENT' and message in found


@pytest.mark.parametrize(
  ('kwargs', 'code', 'message'),
  [
    ({'name': 'half'}, 'NOT_FOUND', 'Latest(half); here is'),
    ({'version': 7}, 'NOT_FOUND', 'Specific(policy, 7); here is'),
    ({'label': 'canary'}, 'INVALID_ARGUMENT', 'version label: canary'),
    ({'signature': 'fly'}, 'FAILED_PRECONDITION', '"fly" not found'),
  ],
)
def test_errors_have_the_model_servers_codes(server, kwargs, code, message):
  found = refusal(lambda: server.predict(OBSERVATION, **kwargs))
  assert found[0] == code and message in found[1]


def test_an_answer_that_is_not_finite_is_none(server):
  corner = OBSERVATION | {'gripper': np.ones([3, 2], np.float32)}
  code, message = refusal(lambda: server.predict(corner))
  assert code == 'INTERNAL' and 'not finite' in message


@pytest.mark.parametrize('body', [b'hello', b'\xff' * 100, b'\x0a\xff'])
def test_what_is_no_request_is_refused(server, body):
  call = server.channel.unary_unary(
    '/tensorflow.serving.PredictionService/Predict'
  )
  code, message = refusal(lambda: call(body))
  assert code == 'INVALID_ARGUMENT'
  assert message == 'the request is no PredictRequest of TensorFlow Serving.'


def test_tells_its_signatures(server):
  request = get_model_metadata_pb2.GetModelMetadataRequest()
  request.model_spec.name = 'policy'
  code, message = refusal(lambda: server.prediction.GetModelMetadata(request))
  assert code == 'INVALID_ARGUMENT' and 'metadata_field' in message
  request.metadata_field.append('signature_def')
  response = server.prediction.GetModelMetadata(request)
  found = get_model_metadata_pb2.SignatureDefMap()
  assert response.metadata['signature_def'].Unpack(found)
  assert response.model_spec.version.value == 30
  camera = found.signature_def['action'].inputs['camera']
  assert camera.dtype == tf.uint8.as_datatype_enum


def test_tells_its_status(server):
  request = get_model_status_pb2.GetModelStatusRequest()
  request.model_spec.name = 'policy'
  (found,) = server.models.GetModelStatus(request).model_version_status
  assert found.version == 30
  assert found.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
  request.model_spec.version.value = 7
  code, message = refusal(lambda: server.models.GetModelStatus(request))
  assert code == 'NOT_FOUND' and 'Could not find version 7' in message


@pytest.mark.parametrize('name', ['', 'tensorflow.serving.PredictionService'])
def test_tells_its_health(server, name):
  stub = health_pb2_grpc.HealthStub(server.channel)
  response = stub.Check(health_pb2.HealthCheckRequest(service=name))
  assert response.status == health_pb2.HealthCheckResponse.SERVING


def test_a_large_request_is_refused(predictor):
  small = limits.Limits(request_bytes=1000)
  with fakes.serving(fakes.Source(predictor), limits=small) as running:
    code, message = refusal(lambda: running.predict(fakes.observe(200)))
    assert code == 'RESOURCE_EXHAUSTED' and 'larger than max' in message
    running.predict(fakes.observe(2))


def test_the_clients_deadline_holds_too(predictor):
  slow = fakes.Slow(predictor)
  with fakes.serving(fakes.Source(slow)) as running:
    code, _ = refusal(lambda: running.predict(OBSERVATION, timeout=0.2))
    assert code == 'DEADLINE_EXCEEDED'
    # Whoever of both ends it first.
    fakes.wait_for(
      lambda: (
        b'code="DEADLINE_EXCEEDED"' in running.service.metrics.page()
        or b'code="CANCELLED"' in running.service.metrics.page()
      )
    )
    slow.go.set()
    running.predict(OBSERVATION)


def test_requests_that_wait_are_joined(predictor):
  slow = fakes.Slow(predictor)
  with (
    fakes.serving(fakes.Source(slow)) as running,
    concurrent.futures.ThreadPoolExecutor(8) as pool,
  ):
    first = pool.submit(running.predict, OBSERVATION)
    slow.entered.acquire()
    others = [fakes.observe(1, seed) for seed in range(4)]
    bad = OBSERVATION | {'gripper': np.float32([[np.nan, 0]] * 3)}
    corner = fakes.observe(1) | {'gripper': np.ones([1, 2], np.float32)}
    futures = [pool.submit(running.predict, one) for one in others]
    spoilt = pool.submit(running.predict, corner)
    refused = pool.submit(running.predict, bad)
    fakes.wait_for(lambda: b'_waiting 6.0' in running.service.metrics.page())
    slow.go.set()
    first.result()
    for observation, future in zip(others, futures, strict=True):
      move = tf.make_ndarray(future.result().outputs['move'])
      np.testing.assert_allclose(move, 0.5 * observation['gripper'], atol=1e-6)
    # What is bad is refused, what turns out bad fails, each alone.
    assert refusal(refused.result)[0] == 'INVALID_ARGUMENT'
    assert refusal(spoilt.result)[0] == 'INTERNAL'
    assert slow.batches == [3, 8, 5, 1, 1, 1, 1, 1]


def test_health_tells_of_a_policy_that_hangs(predictor):
  kinds = health_pb2.HealthCheckResponse
  slow = fakes.Slow(predictor)
  short = limits.Limits(time_s=0.1)
  with fakes.serving(fakes.Source(slow), limits=short) as running:
    stub = health_pb2_grpc.HealthStub(running.channel)

    def status():
      return stub.Check(health_pb2.HealthCheckRequest()).status

    assert refusal(lambda: running.predict(OBSERVATION))[0] == (
      'DEADLINE_EXCEEDED'
    )
    fakes.wait_for(lambda: status() == kinds.NOT_SERVING)
    slow.go.set()
    fakes.wait_for(lambda: status() == kinds.SERVING)
