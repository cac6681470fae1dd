"""Small files in the formats of others."""

import json
import os

import h5py
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ['write_hdf5', 'write_json', 'write_parquet']


def write_hdf5(path, contents, attributes=None):
  """Writes arrays by their paths, and attributes by those of their groups."""
  os.makedirs(os.path.dirname(path), exist_ok=True)
  with h5py.File(path, 'w') as file:
    for name, values in contents.items():
      file[name] = values
    for name, pairs in (attributes or {}).items():
      file.require_group(name).attrs.update(pairs)
  return str(path)


def write_json(path, value):
  os.makedirs(os.path.dirname(path), exist_ok=True)
  with open(path, 'w', encoding='utf-8') as file:
    json.dump(value, file)


def write_parquet(path, columns):
  os.makedirs(os.path.dirname(path), exist_ok=True)
  pq.write_table(pa.table(columns), path)
