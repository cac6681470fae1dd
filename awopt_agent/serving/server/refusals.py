"""Why a request got no answer, in the words of both protocols."""

__all__ = ['HTTP_STATUS', 'Refusal']

# As TensorFlow Serving's model server maps gRPC's codes.
HTTP_STATUS = {
  'OK': 200,
  'CANCELLED': 499,
  'INVALID_ARGUMENT': 400,
  'FAILED_PRECONDITION': 400,
  'NOT_FOUND': 404,
  'RESOURCE_EXHAUSTED': 429,
  'INTERNAL': 500,
  'UNIMPLEMENTED': 501,
  'UNAVAILABLE': 503,
  'DEADLINE_EXCEEDED': 504,
}


class Refusal(Exception):  # noqa: N818  Most are the client's errors.
  """A request that gets no answer.

  Attributes:
    code: Name of gRPC's status code.
    reason: One of a few words, to be counted by.
    http_status: What HTTP calls it.
    retry_after_s: When to try again, if that helps.
  """

  def __init__(
    self,
    code: str,
    reason: str,
    message: str,
    *,
    http_status: int | None = None,
    retry_after_s: float | None = None,
  ):
    """Says why.

    Args:
      code: Name of gRPC's status code.
      reason: One of a few words, to be counted by.
      message: One line for the client: what was wrong, and the remedy.
      http_status: None takes the code's.
      retry_after_s: When to try again, if that helps.
    """
    super().__init__(message)
    self.code = code
    self.reason = reason
    self.http_status = http_status or HTTP_STATUS[code]
    self.retry_after_s = retry_after_s
