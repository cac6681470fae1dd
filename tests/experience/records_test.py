import os

import pytest

from awopt_agent.experience import records


def _write(folder, name, content=(b'one', b'', b'three')):
  records.write(str(folder), name, content)


@pytest.mark.parametrize('name', [records.ITEMS, records.CHUNKS])
def test_records_come_back_in_order(tmp_path, name):
  many = [b'%d' % i for i in range(10_000)]
  _write(tmp_path, name, many)
  assert list(records.read(str(tmp_path), name)) == many


def test_a_file_without_records_has_none(tmp_path):
  _write(tmp_path, records.ITEMS, [])
  assert list(records.read(str(tmp_path), records.ITEMS)) == []


def test_a_damaged_file_is_one_line(tmp_path):
  _write(tmp_path, records.ITEMS)
  path = tmp_path / records.ITEMS
  path.write_bytes(path.read_bytes()[:-9])
  with pytest.raises(ValueError, match=f'{path} is damaged') as raised:
    list(records.read(str(tmp_path), records.ITEMS))
  assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
  'missing', [None, 'DONE', records.TABLES, records.ITEMS, records.CHUNKS]
)
def test_a_checkpoint_is_complete_with_all_its_files(tmp_path, missing):
  for name in (records.TABLES, records.ITEMS, records.CHUNKS):
    _write(tmp_path, name)
  records.finish(str(tmp_path))
  if missing is None:
    records.check_complete(str(tmp_path))
    return
  os.remove(tmp_path / missing)
  with pytest.raises(ValueError, match=f'no complete .* .no {missing}'):
    records.check_complete(str(tmp_path))


@pytest.mark.parametrize('can_link', [True, False])
def test_a_file_is_linked_or_copied(tmp_path, monkeypatch, can_link):
  for name in 'ab':
    (tmp_path / name).mkdir()
  _write(tmp_path / 'a', records.CHUNKS)
  if not can_link:

    def refuse(*_):
      raise OSError('no links here')

    monkeypatch.setattr(os, 'link', refuse)
  records.link(str(tmp_path / 'a'), str(tmp_path / 'b'), records.CHUNKS)
  one, two = (tmp_path / name / records.CHUNKS for name in 'ab')
  assert one.read_bytes() == two.read_bytes()
  assert one.samefile(two) == can_link


@pytest.mark.parametrize('cut', [1, 4, 9, 40])
def test_a_file_without_its_end_is_not_complete(tmp_path, cut):
  # So a full disk leaves it, and Reverb says nothing.
  for name in (records.TABLES, records.ITEMS, records.CHUNKS):
    _write(tmp_path, name, [os.urandom(100)])
  records.finish(str(tmp_path))
  records.check_complete(str(tmp_path))
  path = tmp_path / records.CHUNKS
  path.write_bytes(path.read_bytes()[:-cut])
  assert (
    records.find_damage(str(tmp_path)) == f'{records.CHUNKS} is cut or changed'
  )
