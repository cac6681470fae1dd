import json

import pytest
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from awopt_agent.serving.server import messages, refusals
from awopt_agent.serving.server import service as service_lib
from tests.serving.server import fakes

Spec = service_lib.ModelSpec


@pytest.fixture(name='service')
def _service(predictor, other):
  source = fakes.Source(predictor)
  service = fakes.make_service(source)
  source.predictor = other
  fakes.wait_for(lambda: service.served.version == 40)
  yield service
  service.close()


def test_both_protocols_tell_the_same_status(service):
  message = messages.status(service, Spec('policy'))
  found = json_format.MessageToDict(
    message,
    including_default_value_fields=True,
    preserving_proto_field_name=True,
  )
  as_json = messages.status_as_json(service, Spec('policy'))
  states = [
    [(one['version'], one['state']) for one in each['model_version_status']]
    for each in (found, as_json)
  ]
  assert states == [[('40', 'AVAILABLE'), ('30', 'END')]] * 2


def test_both_protocols_tell_the_same_signatures(service):
  message = messages.metadata(service, Spec('policy', 40))
  packed = get_model_metadata_pb2.SignatureDefMap()
  assert message.metadata['signature_def'].Unpack(packed)
  as_json = messages.metadata_as_json(service, Spec('policy', 40))
  again = json_format.Parse(
    json.dumps(as_json['metadata']['signature_def']),
    get_model_metadata_pb2.SignatureDefMap(),
  )
  assert again == packed
  assert as_json['model_spec']['version'] == '40'


def test_refuses_another_version(service):
  for tell in (messages.metadata, messages.metadata_as_json):
    with pytest.raises(refusals.Refusal, match='Specific'):
      tell(service, Spec('policy', 30))
