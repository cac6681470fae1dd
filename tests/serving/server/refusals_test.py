import grpc
import pytest

from awopt_agent.serving.server import refusals


def test_codes_are_grpcs():
  assert set(refusals.HTTP_STATUS) <= {code.name for code in grpc.StatusCode}


@pytest.mark.parametrize(
  ('code', 'status'),
  # As the model server's ToHTTPStatusCode maps them.
  [
    ('INVALID_ARGUMENT', 400),
    ('FAILED_PRECONDITION', 400),
    ('NOT_FOUND', 404),
    ('RESOURCE_EXHAUSTED', 429),
    ('UNAVAILABLE', 503),
    ('DEADLINE_EXCEEDED', 504),
  ],
)
def test_http_calls_it_as_the_model_server_does(code, status):
  assert refusals.Refusal(code, 'some', 'because').http_status == status


def test_http_may_call_it_otherwise():
  refusal = refusals.Refusal('RESOURCE_EXHAUSTED', 'a', 'b', http_status=413)
  assert (refusal.http_status, refusal.code) == (413, 'RESOURCE_EXHAUSTED')
