"""Pictures as the bytes of a JPEG or PNG file, in the place of their pixels."""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from awopt_agent.serving import parts as parts_lib

__all__ = [
  'Header',
  'as_encoded',
  'check',
  'decode',
  'encode',
  'find_damaged',
  'is_picture',
  'read_header',
]

_PNG = b'\x89PNG\r\n\x1a\n'
_JPEG = b'\xff\xd8'
# Markers of a JPEG file that begin a frame, which tells the size; the other
# three of their range are tables.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers without a length behind them.
_BARE = {0x01, *range(0xD0, 0xD9)}


class Header(NamedTuple):
  """What a file says of its picture before its pixels."""

  kind: str
  height: int
  width: int


def is_picture(part: parts_lib.Part) -> bool:
  """Tells whether a part is a picture `[H, W, 1 or 3]` of bytes."""
  return (
    part.dtype == 'uint8' and len(part.shape) == 3 and part.shape[-1] in (1, 3)
  )


def as_encoded(parts: Sequence[parts_lib.Part]) -> tuple[parts_lib.Part, ...]:
  """Returns the parts with a file in the place of each picture."""
  return tuple(
    parts_lib.Part(part.name, part.path, (), parts_lib.BYTES)
    if is_picture(part)
    else part
    for part in parts
  )


def decode(part: parts_lib.Part, files: tf.Tensor) -> tf.Tensor:
  """Decodes a batch in a graph.

  Args:
    part: The picture's.
    files: string `[B]`.

  Returns:
    uint8 `[B, H, W, C]`.

  Raises:
    tf.errors.InvalidArgumentError: When it runs, where a file is damaged or
      its picture has another size.
  """

  def decode_one(file: tf.Tensor) -> tf.Tensor:
    picture = tf.io.decode_image(
      file, channels=part.shape[-1], expand_animations=False
    )
    fits = tf.reduce_all(tf.equal(tf.shape(picture), part.shape))
    message = f'{part.name} must be a picture {list(part.shape)}, got'
    with tf.control_dependencies(
      [tf.debugging.Assert(fits, [message, tf.shape(picture)])]
    ):
      picture = tf.identity(picture)
    picture.set_shape(part.shape)
    return picture

  return tf.map_fn(
    decode_one,
    files,
    fn_output_signature=tf.TensorSpec(part.shape, tf.uint8),
  )


def encode(
  parts: Sequence[parts_lib.Part], values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """Puts PNG files, which lose nothing, in the places of pictures.

  Args:
    parts: With pictures.
    values: `[B, ...]` by name.

  Returns:
    The same, but for pictures bytes `[B]`.
  """
  return {
    part.name: np.array(
      [tf.io.encode_png(pixels).numpy() for pixels in values[part.name]]
    )
    if is_picture(part)
    else values[part.name]
    for part in parts
  }


def check(part: parts_lib.Part, files: np.ndarray, name: str) -> None:
  """Checks what files say of themselves, before anybody decodes them.

  A small file may claim, and fill, gigabytes.

  Args:
    part: The picture's.
    files: bytes `[B]`.
    name: What they are, for messages.

  Raises:
    ValueError: If one is no JPEG or PNG file, or of another size.
  """
  for row, file in enumerate(files):
    header = read_header(file)
    if header is None:
      raise ValueError(
        f'{name}, row {row}, is no JPEG or PNG file: it has {len(file)} bytes '
        f'and begins with {file[:4]!r}; pass the content of one.'
      )
    if (header.height, header.width) != part.shape[:2]:
      raise ValueError(
        f'{name}, row {row}, is a {header.kind} file of '
        f'{header.height} x {header.width} pixels; pass one of '
        f'{part.shape[0]} x {part.shape[1]} (height x width).'
      )


def find_damaged(part: parts_lib.Part, files: np.ndarray) -> str | None:
  """Says which file cannot be decoded; None if all can."""
  for row, file in enumerate(files):
    try:
      decode(part, tf.constant([file]))
    except tf.errors.InvalidArgumentError as error:
      return f'row {row}, cannot be decoded: {_reason(error)}'
  return None


def read_header(file: bytes) -> Header | None:
  """Returns what a JPEG or PNG file says of itself; None for others."""
  if file.startswith(_PNG):
    if len(file) < 24 or file[12:16] != b'IHDR':
      return None
    width, height = struct.unpack('>II', file[16:24])
    return Header('PNG', height, width)
  return _read_jpeg(file) if file.startswith(_JPEG) else None


def _read_jpeg(file: bytes) -> Header | None:
  at = len(_JPEG)
  while at + 9 <= len(file) and file[at] == 0xFF:
    marker = file[at + 1]
    if marker in _FRAMES:
      height, width = struct.unpack('>HH', file[at + 5 : at + 9])
      return Header('JPEG', height, width)
    if marker == 0xFF:  # Padding.
      at += 1
    elif marker in _BARE:
      at += 2
    else:
      at += 2 + struct.unpack('>H', file[at + 2 : at + 4])[0]
  return None


def _reason(error: Exception) -> str:
  lines = str(getattr(error, 'message', error)).strip().splitlines()
  return lines[0].removesuffix('.') if lines else type(error).__name__
