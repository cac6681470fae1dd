import io

import numpy as np
import pytest
from PIL import Image

from awopt_agent.demos.converters import images


def encode(array, kind):
  stream = io.BytesIO()
  Image.fromarray(array).save(stream, format=kind)
  return stream.getvalue()


@pytest.fixture(name='picture')
def _picture():
  return np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)


def test_png_is_decoded_exactly(picture):
  np.testing.assert_array_equal(images.decode(encode(picture, 'PNG')), picture)
  grey = picture[..., 0]
  decoded = images.decode(encode(grey, 'PNG'))
  np.testing.assert_array_equal(decoded, grey[..., None])


def test_png_of_16_bits_keeps_them():
  depth = np.array([[0, 300], [40_000, 65_535]], np.uint16)
  decoded = images.decode(encode(depth, 'PNG'))
  assert decoded.dtype == np.uint16
  np.testing.assert_array_equal(decoded[..., 0], depth)


def test_jpeg_is_decoded_as_pillow_does(picture):
  encoded = encode(picture, 'JPEG')
  assert images.is_jpeg(encoded)
  expected = np.asarray(Image.open(io.BytesIO(encoded)))
  np.testing.assert_array_equal(images.decode(encoded), expected)


@pytest.mark.parametrize(
  'encoded', [b'', b'\x89PNG', b'\x89PNG and no more at all', b'\xff\xd8\xff']
)
def test_what_is_no_picture_is_refused(encoded):
  with pytest.raises(ValueError, match='cannot be decoded'):
    images.decode(encoded)
