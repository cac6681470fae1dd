import json

import h5py
import numpy as np
import pytest

from awopt_agent.demos.converters import hdf5
from tests.demos.converters import fakes


def test_a_group_is_read_as_a_nest_with_its_types(tmp_path):
  path = fakes.write_hdf5(
    tmp_path / 'a.hdf5',
    {'g/x': np.arange(3, dtype=np.int16), 'g/in/y': np.zeros((3, 2)), 'g/s': 7},
  )
  with hdf5.open_file(path) as file:
    nest = hdf5.read_nest(file['g'])
    part = hdf5.read_nest(file['g/in'], slice(1, 3))
  assert nest['x'].dtype == np.int16
  assert nest['x'].tolist() == [0, 1, 2]
  assert nest['s'] == 7
  assert part['y'].shape == (2, 2)


def test_names_are_sorted_by_their_numbers():
  names = ['demo_10', 'demo_2', 'demo_1', 'extra']
  assert hdf5.by_number(names) == ['demo_1', 'demo_2', 'demo_10', 'extra']


def test_attributes_become_json(tmp_path):
  path = fakes.write_hdf5(
    tmp_path / 'a.hdf5', {}, {'g': {'n': 3, 'v': [1.5, 2], 's': 'x', 'no': 1}}
  )
  with h5py.File(path) as file:
    text = hdf5.attributes_text(file['g'], leave_out=('no',))
  assert json.loads(text) == {'n': 3, 'v': [1.5, 2], 's': 'x'}


def test_a_file_that_is_cut_off_is_named(tmp_path):
  path = fakes.write_hdf5(tmp_path / 'a.hdf5', {'x': np.zeros(10_000)})
  data = (tmp_path / 'a.hdf5').read_bytes()
  (tmp_path / 'a.hdf5').write_bytes(data[: len(data) // 2])
  assert hdf5.is_hdf5(path)
  with (
    pytest.raises(OSError, match=f'{path} cannot.*copy it') as raised,
    hdf5.open_file(path),
  ):
    pass
  assert len(str(raised.value).splitlines()) == 1


def test_other_files_are_no_hdf5(tmp_path):
  (tmp_path / 'a.txt').write_text('hello')
  assert not hdf5.is_hdf5(str(tmp_path / 'a.txt'))
  assert not hdf5.is_hdf5(str(tmp_path / 'none'))
