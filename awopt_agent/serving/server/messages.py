"""What the model server tells of its models, in both protocols."""

from typing import Any

from google.protobuf import json_format
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  get_model_status_pb2,
)

from awopt_agent.serving.server import service as service_lib
from awopt_agent.serving.server import versions as versions_lib

__all__ = ['metadata', 'metadata_as_json', 'status', 'status_as_json']

SIGNATURE_DEF = 'signature_def'


def status(
  service: service_lib.Service, spec: service_lib.ModelSpec
) -> get_model_status_pb2.GetModelStatusResponse:
  """Returns the states of versions.

  Raises:
    Refusal: If there is none as the client asks for.
  """
  response = get_model_status_pb2.GetModelStatusResponse()
  for version, state in service.states(spec).items():
    response.model_version_status.add(
      version=version,
      state=get_model_status_pb2.ModelVersionStatus.State.Value(state),
    )
  return response


def status_as_json(
  service: service_lib.Service, spec: service_lib.ModelSpec
) -> dict[str, Any]:
  """Returns the same, as REST has it."""
  return {
    'model_version_status': [
      {
        'version': str(version),
        'state': state,
        'status': {'error_code': 'OK', 'error_message': ''},
      }
      for version, state in service.states(spec).items()
    ]
  }


def metadata(
  service: service_lib.Service, spec: service_lib.ModelSpec
) -> get_model_metadata_pb2.GetModelMetadataResponse:
  """Returns the signatures of a version.

  Raises:
    Refusal: If it is not served.
  """
  served = service.find(spec)
  response = get_model_metadata_pb2.GetModelMetadataResponse()
  response.model_spec.name = service.name
  response.model_spec.version.value = served.version
  response.metadata[SIGNATURE_DEF].Pack(_signature_map(served))
  return response


def metadata_as_json(
  service: service_lib.Service, spec: service_lib.ModelSpec
) -> dict[str, Any]:
  """Returns the same, as REST has it."""
  served = service.find(spec)
  return {
    'model_spec': {
      'name': service.name,
      'signature_name': '',
      'version': str(served.version),
    },
    'metadata': {
      SIGNATURE_DEF: json_format.MessageToDict(
        _signature_map(served),
        including_default_value_fields=True,
        preserving_proto_field_name=True,
      )
    },
  }


def _signature_map(served: versions_lib.Served) -> Any:
  found = get_model_metadata_pb2.SignatureDefMap()
  for name, signature in served.signature_defs.items():
    found.signature_def[name].CopyFrom(signature)
  return found
