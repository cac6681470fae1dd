"""Messages between two Pythons that share no library but NumPy.

A message is a dictionary of arrays, numbers and strings: its length in eight
bytes, then an `.npz`. Pickle would tie both sides to one version of NumPy.
"""

import io
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np

__all__ = ['Message', 'read', 'serve', 'take_pipes', 'write']

Message = dict[str, Any]

_LENGTH_BYTES = 8


def write(stream: IO[bytes], message: Mapping[str, Any]) -> None:
  """Sends a message.

  Args:
    stream: To the other side.
    message: Arrays, numbers, booleans and strings, by name.

  Raises:
    OSError: If the other side is gone.
  """
  content = io.BytesIO()
  np.savez(content, **message)
  payload = content.getvalue()
  stream.write(len(payload).to_bytes(_LENGTH_BYTES, 'big') + payload)
  stream.flush()


def read(stream: IO[bytes]) -> Message | None:
  """Waits for a message.

  Args:
    stream: From the other side.

  Returns:
    The message; None if the other side ended the stream, if only in the
    middle of one.
  """
  head = stream.read(_LENGTH_BYTES)
  length = int.from_bytes(head, 'big')
  payload = stream.read(length)
  if len(head) < _LENGTH_BYTES or len(payload) < length:
    return None
  with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
    return {name: _plain(arrays[name]) for name in arrays.files}


def _plain(array: np.ndarray) -> Any:
  return array if array.ndim else array.item()


def take_pipes() -> tuple[IO[bytes], IO[bytes]]:
  """Returns stdin and stdout, and has stderr take what libraries print."""
  sys.stdout.flush()
  answers = os.fdopen(os.dup(1), 'wb')
  os.dup2(2, 1)
  return sys.stdin.buffer, answers


def serve(
  handlers: Mapping[str, Callable[..., Mapping[str, Any]]],
  requests: IO[bytes],
  answers: IO[bytes],
) -> None:
  """Answers requests, one after the other, until there are no more.

  Args:
    handlers: By the name that a request has as `do`; they take the rest of it
      as arguments, and return the answer. What they raise is answered with its
      type as `error`, its text as `reason`, and leaves a traceback on stderr.
    requests: Stream from who asks.
    answers: Stream back.
  """
  while (request := read(requests)) is not None:
    try:
      answer = handlers[request.pop('do')](**request)
    except Exception as error:
      traceback.print_exc()
      answer = {'error': type(error).__name__, 'reason': str(error)}
    write(answers, answer)
