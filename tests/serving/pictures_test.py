import struct

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.serving import parts, pictures
from tests.serving import fakes

IMAGE, POSE = parts.from_spec(fakes.IMAGE_OBSERVATION, 'observation')
PIXELS = fakes.observe(fakes.IMAGE_OBSERVATION, 2)['image']


def _png(pixels):
  return tf.io.encode_png(pixels).numpy()


def _jpeg(pixels, **kwargs):
  return tf.io.encode_jpeg(pixels, **kwargs).numpy()


@pytest.mark.parametrize(
  ('shape', 'dtype', 'expected'),
  [
    ((4, 5, 3), 'uint8', True),
    ((4, 5, 1), 'uint8', True),
    ((4, 5, 4), 'uint8', False),
    ((4, 5), 'uint8', False),
    ((4, 5, 3), 'float32', False),
  ],
)
def test_knows_a_picture(shape, dtype, expected):
  assert pictures.is_picture(parts.Part('x', (), shape, dtype)) == expected


def test_a_file_stands_in_the_place_of_a_picture():
  image, pose = pictures.as_encoded([IMAGE, POSE])
  assert (image.name, image.shape, image.dtype) == ('image', (), 'bytes')
  assert pose is POSE


def test_png_files_are_the_pixels():
  files = pictures.encode([IMAGE, POSE], {'image': PIXELS, 'pose': 'as it is'})
  assert files['pose'] == 'as it is'
  decoded = tf.function(pictures.decode, autograph=False)(
    IMAGE, tf.constant(files['image'])
  )
  np.testing.assert_array_equal(decoded, PIXELS)


def test_jpeg_files_and_grey_ones_are_decoded_as_tensorflow_does():
  file = _jpeg(PIXELS[0], quality=80)
  decoded = pictures.decode(IMAGE, tf.constant([file]))[0]
  np.testing.assert_array_equal(decoded, tf.io.decode_jpeg(file))
  grey = _png(PIXELS[0][..., :1])
  decoded = pictures.decode(IMAGE, tf.constant([grey]))[0]
  np.testing.assert_array_equal(decoded, np.repeat(PIXELS[0][..., :1], 3, -1))


def test_the_graph_refuses_another_size_and_names_the_part():
  decode = tf.function(lambda x: pictures.decode(IMAGE, x), autograph=False)
  with pytest.raises(
    tf.errors.InvalidArgumentError, match=r'image must be a picture \[12, 10'
  ):
    decode(tf.constant([_png(PIXELS[0]), _png(PIXELS[1][:-1])]))


@pytest.mark.parametrize(
  'file',
  [
    _png(PIXELS[0]),
    _jpeg(PIXELS[0]),
    _jpeg(PIXELS[0], progressive=True, xmp_metadata='x' * 300),
  ],
  ids=['png', 'jpeg', 'progressive jpeg'],
)
def test_reads_the_header_that_tensorflow_wrote(file):
  header = pictures.read_header(file)
  assert header.kind == ('PNG' if file[:1] == b'\x89' else 'JPEG')
  assert (header.height, header.width) == (12, 10)
  # Of a part of a file: nothing, and no error.
  found = {pictures.read_header(file[:end]) for end in range(len(file))}
  assert found == {None, header}


@pytest.mark.parametrize(
  ('file', 'message'),
  [
    (b'', "row 1, is no JPEG or PNG file: it has 0 bytes and begins with b''"),
    (b'GIF89a', "it has 6 bytes and begins with b'GIF8'"),
    (
      _png(PIXELS[0][1:]),
      'row 1, is a PNG file of 11 x 10 pixels; pass one of',
    ),
    (_jpeg(PIXELS[0][:, 1:]), 'is a JPEG file of 12 x 9 pixels; .*12 x 10'),
    # 43 bytes that claim 30 GB.
    (
      _png(PIXELS[0])[:16] + struct.pack('>II', 100_000, 100_000) + b'x' * 19,
      'is a PNG file of 100000 x 100000 pixels',
    ),
  ],
)
def test_refuses_before_anybody_decodes(file, message):
  files = np.array([_png(PIXELS[0]), file], object)
  with pytest.raises(ValueError, match=f'the picture, .*{message}') as error:
    pictures.check(IMAGE, files, 'the picture')
  assert '\n' not in str(error.value)


def test_takes_good_files_and_finds_the_damaged_one():
  good = [_png(PIXELS[0]), _jpeg(PIXELS[1])]
  pictures.check(IMAGE, np.array(good, object), 'the picture')
  assert pictures.find_damaged(IMAGE, np.array(good, object)) is None
  for whole in good:
    files = np.array([good[0], whole[:-20]], object)
    problem = pictures.find_damaged(IMAGE, files)
    assert problem.startswith('row 1, cannot be decoded: ')
    assert '\n' not in problem
