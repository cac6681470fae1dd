import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from awopt_agent.demos import schema
from awopt_agent.demos.converters import columns


def read(array, folder=''):
  return columns.read(
    pa.chunked_array([array]), str(folder), 'set: episode 3: x'
  )


def png(value):
  stream = io.BytesIO()
  Image.fromarray(np.full((2, 3, 3), value, np.uint8)).save(stream, 'PNG')
  return stream.getvalue()


@pytest.mark.parametrize(
  'array, expected',
  [
    (pa.array([1, 2], pa.int64()), np.array([1, 2])),
    (pa.array([True, False]), np.array([True, False])),
    (pa.array([0.5, 1], pa.float32()), np.array([0.5, 1], np.float32)),
    (
      pa.array([[1, 2], [3, 4]], pa.list_(pa.float32())),
      np.array([[1, 2], [3, 4]], np.float32),
    ),
    (
      pa.array([[1, 2], [3, 4]], pa.list_(pa.float64(), 2)),
      np.array([[1.0, 2], [3, 4]]),
    ),
    (
      pa.array([[[1], [2]], [[3], [4]]], pa.list_(pa.list_(pa.int8()))),
      np.array([[[1], [2]], [[3], [4]]], np.int8),
    ),
  ],
)
def test_values_types_and_shapes_are_kept(array, expected):
  found = read(array)
  assert found.dtype == expected.dtype
  np.testing.assert_array_equal(found, expected)


def test_text_stays_text():
  assert read(pa.array(['a', 'bc'])).tolist() == ['a', 'bc']


@pytest.mark.parametrize(
  'kind', [pa.list_(pa.int64()), pa.list_(pa.int64(), 2)]
)
def test_a_slice_and_several_chunks_are_read_right(kind):
  whole = pa.array([[0, 1], [2, 3], [4, 5], [6, 7]], kind)
  column = pa.chunked_array([whole.slice(1, 1), whole.slice(3, 1)])
  assert columns.read(column, '', 'x').tolist() == [[2, 3], [6, 7]]
  one = pa.chunked_array([whole.slice(2, 2)])
  assert columns.read(one, '', 'x').tolist() == [[4, 5], [6, 7]]


def test_pictures_are_decoded_from_bytes_or_paths(tmp_path):
  (tmp_path / 'images').mkdir()
  (tmp_path / 'images' / 'a.png').write_bytes(png(9))
  pictures = read(
    pa.array(
      [
        {'bytes': png(5), 'path': 'b.png'},
        {'bytes': None, 'path': 'images/a.png'},
      ]
    ),
    tmp_path,
  )
  assert pictures.shape == (2, 2, 3, 3)
  assert pictures[:, 0, 0, 0].tolist() == [5, 9]


@pytest.mark.parametrize(
  'array, message',
  [
    (pa.array([1, None]), 'lacks 1 values'),
    (pa.array([[1], None]), 'lacks 1 values'),
    (pa.array([[1, None]]), 'lacks 1 values'),
    (pa.array([[1], [1, 2]]), 'rows of several shapes'),
    (pa.array([{'bytes': b'x', 'path': ''}]), 'picture that is missing'),
    (
      pa.array([{'bytes': None, 'path': 'none.png'}]),
      'picture that is missing',
    ),
    (pa.array([{'a': 1}]), 'holds records'),
  ],
)
def test_what_is_missing_or_uneven_is_named(array, message):
  with pytest.raises(schema.BadEpisodeError, match=f'episode 3: x .*{message}'):
    read(array)
