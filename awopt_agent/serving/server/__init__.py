"""awopt-serve: a policy behind TensorFlow Serving's REST and gRPC protocols.

One event loop speaks both protocols (`rest`, `grpc_service`) and one thread
computes (`batching`); `service` is what both share, `tensors` their encodings.
"""
