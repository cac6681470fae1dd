"""Long lists of small whole numbers in JSON, read without making lists.

A picture as numbers is thousands of lists of three, each an object of
Python's, of which an array is made at once: most of a server's time.
"""

import itertools
import re
from collections.abc import Sequence

import numpy as np

__all__ = ['lift']

# Shorter lists are read as fast without it.
_LONG = 1000
# Beyond so many strings, a document holds no pictures as numbers, but memory
# for its pieces.
_MOST_STRINGS = 4096
# Of NumPy's arrays.
_MOST_LEVELS = 32
_SPACE = b' \t\r\n'
_DIGITS = b'0123456789'
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
  numbers = _read_numbers(compact.translate(None, b'[]'))
  if numbers is None:
    return None
  shape = _shape(compact, numbers.size)
  if compact.translate(None, _DIGITS) != _frame(shape):
    return None
  # That leaves what stands on the wrong side of a bracket, and 1 2 for 12.
  if _has_misplaced(compact) or _count_runs(text) != numbers.size:
    return None
  return numbers.reshape(shape)


def _read_numbers(text: bytes) -> np.ndarray | None:
  """Reads whole numbers of bytes with commas between them, and no space."""
  characters = np.frombuffer(b',%b,' % text, np.uint8)
  commas = np.flatnonzero(characters == ord(','))
  ends, lengths = commas[1:], np.diff(commas) - 1
  digits = characters - ord('0')
  values = np.zeros(ends.size, np.int16)
  for place in (3, 2, 1):
    values *= 10
    # Before a shorter number stands what is none of its digits.
    values += digits[ends - place] * (lengths >= place)
  # Each is as long as it must be: 007 is no number of JSON's, nor is nothing.
  wanted = 1 + (values > 9) + (values > 99)
  if values.max() > 255 or not np.array_equal(lengths, wanted):
    return None
  return values.astype(np.uint8)


def _shape(text: bytes, size: int) -> list[int]:
  """Returns the shape of nested lists by the first one of each level."""
  depth = min(_MOST_LEVELS, len(text) - len(text.lstrip(b'[')))
  # Numbers in the first list of each level.
  counts = [
    text[: text.find(b']' * level)].count(b',') + 1 for level in range(1, depth)
  ]
  sizes = [
    after // before for before, after in itertools.pairwise([1, *counts, size])
  ]
  return sizes[::-1]


def _frame(shape: Sequence[int]) -> bytes:
  """Returns an array's lists without its numbers."""
  frame = b''
  for size in reversed(shape):
    frame = b'[%b]' % b','.join([frame] * size)
  return frame


def _are_digits(text: bytes) -> tuple[np.ndarray, np.ndarray]:
  characters = np.frombuffer(text, np.uint8)
  return characters, characters - ord('0') < 10


def _has_misplaced(text: bytes) -> bool:
  """Tells whether a digit stands before a list, or behind one."""
  characters, digit = _are_digits(text)
  before = digit[:-1] & (characters[1:] == ord('['))
  behind = digit[1:] & (characters[:-1] == ord(']'))
  return bool((before | behind).any())


def _count_runs(text: bytes) -> int:
  """Returns how many digits have none before them."""
  _, digit = _are_digits(text)
  return int(np.count_nonzero(digit[1:] > digit[:-1]))
