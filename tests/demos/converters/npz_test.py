import zipfile

import numpy as np
import pytest

from awopt_agent.demos.converters import npz


@pytest.fixture(name='path')
def _path(tmp_path):
  path = str(tmp_path / 'a.npz')
  np.savez_compressed(
    path,
    x=np.arange(10.0).reshape(5, 2),
    by_columns=np.asfortranarray(np.arange(10).reshape(5, 2)),
    single=np.float32(3),
    names=np.array(['a', 'bc']),
  )
  return path


def test_rows_are_read_one_after_the_other(path):
  with npz.Archive(path) as archive:
    for name in ('x', 'by_columns'):
      rows = archive.arrays[name]
      assert rows.shape == (5, 2)
      assert rows.read(2).tolist() == [[0, 1], [2, 3]]
      assert rows.read(1).tolist() == [[4, 5]]
      assert rows.read(9).tolist() == [[6, 7], [8, 9]]


def test_values_and_types_are_numpys(path):
  with npz.Archive(path) as archive, np.load(path) as expected:
    assert set(archive.arrays) == set(expected.files)
    for name in expected.files:
      found = archive.arrays[name].read_all()
      assert found.dtype == expected[name].dtype
      np.testing.assert_array_equal(found, expected[name])


def test_only_the_rows_asked_for_are_held(tmp_path):
  path = str(tmp_path / 'a.npz')
  np.savez(path, x=np.zeros((1000, 100)))
  with npz.Archive(path) as archive:
    first = archive.arrays['x'].read(3)
    assert first.base is None or first.base.nbytes <= first.nbytes


def test_python_objects_are_refused(tmp_path):
  path = str(tmp_path / 'a.npz')
  np.savez(path, x=np.array([{}], object))
  with (
    pytest.raises(ValueError, match=f'{path}: x holds Python objects'),
    npz.Archive(path),
  ):
    pass


def test_other_archives_are_told_apart(tmp_path, path):
  assert npz.is_npz(path)
  other = tmp_path / 'a.zip'
  with zipfile.ZipFile(other, 'w') as archive:
    archive.writestr('a.txt', 'hello')
  assert not npz.is_npz(str(other))
  (tmp_path / 'a.txt').write_text('hello')
  assert not npz.is_npz(str(tmp_path / 'a.txt'))
  with (
    pytest.raises(OSError, match='no .npz archive, or is cut off'),
    npz.Archive(str(tmp_path / 'a.txt')),
  ):
    pass
