"""Long lists of small whole numbers in JSON, read without making lists.

A picture as numbers is thousands of lists of three, each an object of
Python's, of which an array is made at once: most of a server's time.
"""

import itertools
import re
from typing import Any

import numpy as np
import orjson

__all__ = ['lift']

# Shorter lists are read as fast without it.
_LONG = 1000
# Beyond so many strings, a document holds no pictures as numbers, but memory
# for its pieces.
_MOST_STRINGS = 4096
# Of NumPy's arrays.
_MOST_LEVELS = 32
_SPACE = b' \t\r\n'
# What stands between a key and a list.
_COLON = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*(?=\[)')


def lift(body: bytes) -> tuple[bytes, dict[str, np.ndarray]]:
  """Takes the long lists of numbers 0 to 255 out of a JSON document.

  Args:
    body: The document; whether it is sound is for its reader to say.

  Returns:
    The document with a string in the place of each such value of a key, and
    uint8 arrays by these strings. What is not written as an array would be,
    to the last comma, stays where it is.
  """
  arrays: dict[str, np.ndarray] = {}
  # Where a character is escaped, strings could end elsewhere, or be marks.
  if len(body) < _LONG or b'\\' in body:
    return body, arrays
  pieces = body.split(b'"', _MOST_STRINGS)
  for index, piece in enumerate(pieces):
    # Every other one is the inside of a string.
    if index % 2 or len(piece) < _LONG or not (found := _COLON.match(piece)):
      continue
    start = found.end()
    value = piece[start:].split(b'}', 1)[0].rstrip(_SPACE + b',')
    array = _read(value)
    if array is not None:
      arrays[f'\0{index}'] = array
      mark = b'"\\u0000%d"' % index
      pieces[index] = piece[:start] + mark + piece[start + len(value) :]
  return (b'"'.join(pieces) if arrays else body), arrays


def _read(text: bytes) -> np.ndarray | None:
  """Reads nested lists; None where they are no array of such numbers."""
  compact = text.translate(None, _SPACE)
  try:
    # With its spaces, for 1 2 is not 12.
    numbers = orjson.loads(b'[%b]' % text.translate(None, b'[]'))
    array = np.frombuffer(bytes(numbers), np.uint8)
    array = array.reshape(_shape(compact, array.size))
  except (TypeError, ValueError):
    return None
  # Whatever was read wrong, such as an uneven list, true or 1]2, is written
  # otherwise.
  return array if array.size and _write(array) == compact else None


def _shape(text: bytes, size: int) -> list[int]:
  """Returns the shape of nested lists by the first one of each level."""
  depth = min(_MOST_LEVELS, len(text) - len(text.lstrip(b'[')))
  # Numbers in the first list of each level.
  counts = [
    text[: text.find(b']' * level)].count(b',') + 1 for level in range(1, depth)
  ]
  ends = [1, *counts, size]
  sizes = [after // before for before, after in itertools.pairwise(ends)]
  return sizes[::-1]


def _write(array: np.ndarray) -> Any:
  return orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)
