import asyncio

import numpy as np
import pytest

from awopt_agent.serving.server import refusals
from awopt_agent.serving.server import service as service_lib
from tests.serving.server import fakes

Spec = service_lib.ModelSpec
OBSERVATION = fakes.observe(2)


@pytest.fixture(name='source')
def _source(predictor):
  return fakes.Source(predictor)


@pytest.fixture(name='service')
def _service(source):
  service = fakes.make_service(source, labels=['stable'])
  yield service
  service.close()


def predict(service, arrays=OBSERVATION, signature='action'):
  body = service.predict(service.served, signature, lambda _: arrays)
  return asyncio.run(body)


def refusal(call, *args):
  with pytest.raises(refusals.Refusal) as error:
    call(*args)
  return error.value.code, error.value.reason


def test_follows_the_newest_version(service, source, other):
  assert service.find(Spec('policy')).version == 30
  before = service.served
  source.predictor = other
  fakes.wait_for(lambda: service.served.version == 40)
  assert service.find(Spec('policy', 40)).version == 40
  assert service.find(Spec('policy', label='stable')).version == 40
  assert refusal(service.find, Spec('policy', 30)) == (
    'NOT_FOUND',
    'unknown_version',
  )
  assert service.states(Spec('policy')) == {40: 'AVAILABLE', 30: 'END'}
  assert service.states(Spec('policy', 30)) == {30: 'END'}
  # What is under way goes on with the version that it began with.
  outputs = asyncio.run(
    service.predict(before, 'action', lambda _: OBSERVATION)
  )
  np.testing.assert_allclose(outputs['move'], 0.5 * OBSERVATION['gripper'])
  outputs = predict(service)
  np.testing.assert_allclose(outputs['move'], 0.25 * OBSERVATION['gripper'])
  assert b'awopt_serve_version 40.0' in service.metrics.page()


def test_refuses_a_version_with_a_label(service):
  code, _ = refusal(service.find, Spec('policy', 30, 'stable'))
  assert code == 'INVALID_ARGUMENT'


def test_a_draining_service_lets_nobody_in(service):
  service.admit()
  service.drain()
  assert refusal(service.admit) == ('UNAVAILABLE', 'draining')
  assert service.is_alive and not service.is_ready


def test_values_that_are_not_finite_are_no_answer(service):
  class Broken(fakes.Slow):
    def run(self, signature, arrays):
      raise FloatingPointError('not finite')

  served = service.served._replace(predictor=Broken(service.served.predictor))
  body = service.predict(served, 'action', lambda _: OBSERVATION)
  assert refusal(asyncio.run, body) == ('INTERNAL', 'not_finite')


@pytest.mark.parametrize('rows', [(2, 3), (3, 2), (0, 0), (0, 3)])
def test_rows_that_do_not_fit_are_refused_before_they_are_joined(service, rows):
  class Untouched(fakes.Slow):
    def run(self, signature, arrays):
      raise AssertionError

  served = service.served._replace(
    predictor=Untouched(service.served.predictor)
  )
  arrays = {
    name: fakes.observe(3)[name][:size]
    for name, size in zip(('camera', 'gripper'), rows, strict=True)
  }
  body = service.predict(served, 'action', lambda _: arrays)
  assert refusal(asyncio.run, body) == ('INVALID_ARGUMENT', 'bad_input')


def test_a_failure_of_the_policy_is_told_in_a_line(service):
  class Broken(fakes.Slow):
    def run(self, signature, arrays):
      raise LookupError('first\nsecond')

  served = service.served._replace(predictor=Broken(service.served.predictor))
  with pytest.raises(refusals.Refusal) as error:
    asyncio.run(service.predict(served, 'action', lambda _: OBSERVATION))
  assert str(error.value) == 'the policy failed: first'
  assert error.value.code == 'INTERNAL'


def test_the_time_of_a_request_is_limited(service):
  async def wait():
    async with service.in_time(0.01):
      await asyncio.sleep(5)

  assert refusal(asyncio.run, wait()) == ('DEADLINE_EXCEEDED', 'deadline')


def test_calls_are_counted_when_they_end(service):
  call = service_lib.Call(service.metrics, 'grpc', 'predict')
  assert service.metrics.total() == 0
  call.end()
  service_lib.Call(service.metrics, 'grpc', 'predict').end(
    refusals.Refusal('NOT_FOUND', 'unknown_model', 'none')
  )
  assert service.metrics.total(code='OK') == 1
  assert service.metrics.total(code='NOT_FOUND') == 1
  page = service.metrics.page()
  assert b'awopt_serve_refused_total{reason="unknown_model"} 1.0' in page
  # Only what was answered says how long an answer takes.
  assert b'request_seconds_count{protocol="grpc"} 1.0' in page
