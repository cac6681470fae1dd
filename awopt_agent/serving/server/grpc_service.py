"""TensorFlow Serving's gRPC protocol, and gRPC's own of health."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import message as message_lib
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  get_model_status_pb2,
  predict_pb2,
)

from awopt_agent.serving.server import (
  messages,
  proto_tensors,
  refusals,
)
from awopt_agent.serving.server import service as service_lib

__all__ = ['handlers']

_Body = Callable[[Any, Any], Awaitable[message_lib.Message]]


def handlers(service: service_lib.Service) -> list[grpc.GenericRpcHandler]:
  """Returns what answers calls, to be added to a `grpc.aio` server."""
  answers = _Answers(service)
  return [
    grpc.method_handlers_generic_handler(f'tensorflow.serving.{name}', methods)
    for name, methods in {
      'PredictionService': {
        'Predict': _handler(
          service, predict_pb2.PredictRequest, answers.predict, 'predict'
        ),
        'GetModelMetadata': _handler(
          service,
          get_model_metadata_pb2.GetModelMetadataRequest,
          answers.metadata,
          'other',
        ),
      },
      'ModelService': {
        'GetModelStatus': _handler(
          service,
          get_model_status_pb2.GetModelStatusRequest,
          answers.status,
          'other',
        ),
      },
    }.items()
  ]


class _Answers:
  """A method for each call; they raise `Refusal`."""

  def __init__(self, service: service_lib.Service):
    self._service = service

  async def predict(self, request: Any, context: Any) -> message_lib.Message:
    service = self._service
    service.admit()
    async with service.in_time(context.time_remaining()):
      served = service.find(_spec(request))
      name, record = service.signature(
        served, request.model_spec.signature_name
      )
      wanted = _outputs(request, record)
      outputs = await service.predict(
        served,
        name,
        lambda signature: proto_tensors.decode_inputs(
          request.inputs, signature, service.limits.rows
        ),
      )
    response = predict_pb2.PredictResponse()
    response.model_spec.name = service.name
    response.model_spec.version.value = served.version
    response.model_spec.signature_name = name
    for key in wanted:
      response.outputs[key].CopyFrom(proto_tensors.encode(outputs[key]))
    return response

  async def metadata(self, request: Any, context: Any) -> message_lib.Message:
    if set(request.metadata_field) != {messages.SIGNATURE_DEF}:
      raise refusals.Refusal(
        'INVALID_ARGUMENT',
        'malformed',
        'metadata_field must be ["signature_def"].',
      )
    return messages.metadata(self._service, _spec(request))

  async def status(self, request: Any, context: Any) -> message_lib.Message:
    return messages.status(self._service, _spec(request))


def _handler(
  service: service_lib.Service, kind: Any, body: _Body, method: str
) -> grpc.RpcMethodHandler:
  """Wraps a method: bytes to bytes, refusals to gRPC's codes.

  gRPC itself would call a malformed message its own failure.
  """

  async def answer(request: bytes, context: Any) -> bytes:
    call = service_lib.Call(service.metrics, 'grpc', method)
    try:
      response = await body(_parse(kind, request), context)
    except refusals.Refusal as refusal:
      call.end(refusal)
      await context.abort(grpc.StatusCode[refusal.code], str(refusal))
    except asyncio.CancelledError:
      call.end(refusals.Refusal('CANCELLED', 'gone', 'the client has gone.'))
      raise
    call.end()
    return response.SerializeToString()

  return grpc.unary_unary_rpc_method_handler(answer)


def _parse(kind: Any, request: bytes) -> Any:
  try:
    return kind.FromString(request)
  except message_lib.DecodeError as error:
    raise refusals.Refusal(
      'INVALID_ARGUMENT',
      'malformed',
      f'the request is no {kind.DESCRIPTOR.name} of TensorFlow Serving.',
    ) from error


def _spec(request: Any) -> service_lib.ModelSpec:
  spec = request.model_spec
  choice = spec.WhichOneof('version_choice')
  return service_lib.ModelSpec(
    spec.name,
    spec.version.value if choice == 'version' else None,
    spec.version_label if choice == 'version_label' else None,
  )


def _outputs(request: Any, record: Any) -> list[str]:
  """Returns the names of the outputs that a client wants."""
  known = [part.name for part in record.outputs]
  wanted = list(request.output_filter) or known
  for name in wanted:
    if name not in known or wanted.count(name) > 1:
      raise refusals.Refusal(
        'INVALID_ARGUMENT',
        'malformed',
        f'output tensor alias not found in signature, or twice: {name[:80]}; '
        f'Outputs expected to be in the set {{{", ".join(known)}}}.',
      )
  return wanted
