"""Decodes pictures that were stored as PNG or JPEG."""

import numpy as np
import tensorflow as tf

__all__ = ['decode', 'is_jpeg']

_JPEG = b'\xff\xd8\xff'
_PNG = b'\x89PNG'
_PNG_BIT_DEPTH_AT = 24


def is_jpeg(encoded: bytes) -> bool:
  """Tells whether bytes begin like a JPEG picture."""
  return encoded[:3] == _JPEG


def decode(encoded: bytes) -> np.ndarray:
  """Decodes a picture.

  Args:
    encoded: PNG, JPEG, GIF or BMP.

  Returns:
    `[height, width, channels]`, uint8, or uint16 from a PNG of 16 bits.

  Raises:
    ValueError: If it cannot be decoded.
  """
  try:
    if is_jpeg(encoded):
      # As Pillow decodes, to the last bit; the default method is less exact.
      return tf.io.decode_jpeg(encoded, dct_method='INTEGER_ACCURATE').numpy()
    if encoded[:4] == _PNG and encoded[_PNG_BIT_DEPTH_AT] == 16:
      return tf.io.decode_png(encoded, dtype=tf.uint16).numpy()
    return tf.io.decode_image(encoded, expand_animations=False).numpy()
  except (tf.errors.OpError, IndexError) as error:
    raise ValueError('holds a picture that cannot be decoded') from error
