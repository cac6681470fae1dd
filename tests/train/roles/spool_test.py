import os

import numpy as np
import pytest

from awopt_agent.train.roles import spool as spool_lib


@pytest.fixture(name='open_spool')
def _open_spool(tmp_path):
  """Opens the folder anew, as the next process would."""
  opened = []

  def open_spool(max_bytes=10**9):
    for old in opened:
      old.close()
    opened[:] = [spool_lib.Spool(str(tmp_path / 's'), max_bytes=max_bytes)]
    return opened[0]

  yield open_spool
  for old in opened:
    old.close()


def columns(value):
  return {
    'float32': np.full((3, 2), value, np.float32),
    'part_1': np.full((3, 4), value, np.uint8),
  }


def test_episodes_come_back_as_they_were(open_spool):
  spool = open_spool()
  assert spool.add(columns(7)) == 0
  found = spool.read(0)
  assert found.keys() == columns(7).keys()
  for name, column in columns(7).items():
    np.testing.assert_array_equal(found[name], column)
    assert found[name].dtype == column.dtype


def test_the_next_process_goes_on(open_spool):
  spool = open_spool()
  for number in range(3):
    spool.add(columns(number))
    spool.end_round({'env': [number]}, last=number == 2)
  spool.drop_below(2)
  spool = open_spool()
  assert (spool.first_from(0), spool.following, len(spool)) == (2, 3, 1)
  assert spool.state()['env'] == [2]
  assert spool.add(columns(9)) == 3


def test_numbers_go_on_when_all_were_delivered(open_spool):
  spool = open_spool()
  spool.add(columns(1))
  spool.end_round({})
  spool.drop_below(1)
  spool = open_spool()
  assert (spool.first_from(0), spool.following) == (None, 1)


def test_an_episode_whose_writer_was_killed_is_not_there(open_spool, tmp_path):
  open_spool().add(columns(1))
  torn = tmp_path / 's' / 'episodes' / '000000000001.npz.part'
  torn.write_bytes(b'torn')
  spool = open_spool()
  assert len(spool) == 1
  assert not torn.exists()
  assert spool.add(columns(2)) == 1


def test_a_number_is_not_given_twice_after_a_kill(open_spool):
  spool = open_spool()
  spool.end_round({'env': [1]})
  spool.add(columns(1))  # Within a round.
  spool = open_spool()
  assert spool.following == 1
  assert spool.state()['env'] == [1]


def test_numbers_go_on_after_those_of_a_lost_disk(open_spool):
  spool = open_spool()
  spool.go_on_from(5)
  assert spool.add(columns(1)) == 5
  assert spool.first_from(0) == 5


def test_is_full_by_its_bytes(open_spool):
  spool = open_spool(max_bytes=1)
  assert not spool.is_full
  spool.add(columns(1))
  assert spool.is_full
  spool.drop_below(1)
  assert not spool.is_full


def test_is_full_where_the_disk_is(open_spool, monkeypatch):
  spool = open_spool()
  monkeypatch.setattr(spool_lib, '_LEAST_FREE_BYTES', 10**18)
  assert spool.is_full


def test_a_second_collector_is_refused(open_spool, tmp_path):
  open_spool()
  with pytest.raises(OSError, match='another collector is at work in .*index'):
    spool_lib.Spool(str(tmp_path / 's'), max_bytes=1)


def cut(tmp_path, number):
  path = tmp_path / 's' / 'episodes' / f'{number:012d}.npz'
  path.write_bytes(path.read_bytes()[:-30])
  return path


def test_a_damaged_episode_is_set_aside_and_named(open_spool, tmp_path):
  spool = open_spool()
  for number in range(3):
    spool.add(columns(number))
  path = cut(tmp_path, 1)
  spool = open_spool()
  with pytest.raises(
    spool_lib.DamagedError, match='episode 1 cannot'
  ) as raised:
    spool.read(1)
  assert len(str(raised.value).splitlines()) == 1
  assert not path.exists()
  aside = path.with_name(path.name + '.damaged')
  assert str(aside) in str(raised.value)
  assert (spool.has(1), len(spool)) == (False, 2)
  # The next process leaves it where it is, and gives its number to no other.
  spool = open_spool()
  assert aside.exists()
  assert (spool.first_from(0), spool.following, len(spool)) == (0, 3, 2)


def test_a_changed_byte_is_damage_too(open_spool, tmp_path):
  spool = open_spool()
  spool.add(columns(7))
  path = tmp_path / 's' / 'episodes' / '000000000000.npz'
  data = bytearray(path.read_bytes())
  data[len(data) // 3] ^= 1
  path.write_bytes(data)
  with pytest.raises(spool_lib.DamagedError):
    open_spool().read(0)


@pytest.mark.parametrize('most', [0, 10**9])
def test_what_is_read_again_comes_from_the_disk(open_spool, monkeypatch, most):
  monkeypatch.setattr(spool_lib, '_MOST_FRESH_BYTES', most)
  spool = open_spool()
  spool.add(columns(7))
  for _ in range(2):
    for name, column in columns(7).items():
      np.testing.assert_array_equal(spool.read(0)[name], column)


def test_what_waits_in_memory_is_bounded_and_goes_with_its_file(
  open_spool, monkeypatch
):
  monkeypatch.setattr(spool_lib, '_MOST_FRESH_BYTES', 1)
  spool = open_spool()
  for number in range(3):
    spool.add(columns(number))
  assert list(spool._fresh) == [0]  # The bound was passed by it.
  spool.drop_below(1)
  assert not spool._fresh


def test_a_spool_is_of_one_run(open_spool):
  spool = open_spool()
  spool.belong_to('one')
  identity = spool.identity
  again = open_spool()
  assert again.identity == identity
  again.belong_to('one')
  with pytest.raises(ValueError, match='belong to another run'):
    again.belong_to('two')


def test_a_round_is_on_the_disk_before_the_state_after_it(
  open_spool, monkeypatch
):
  spool = open_spool()
  calls = []
  sync, replace = os.fsync, os.replace

  def note_sync(descriptor):
    calls.append(f'sync {os.readlink(f"/proc/self/fd/{descriptor}")}')
    sync(descriptor)

  def note_replace(source, target):
    calls.append(f'name {target}')
    replace(source, target)

  monkeypatch.setattr(spool_lib.os, 'fsync', note_sync)
  monkeypatch.setattr(spool_lib.os, 'replace', note_replace)
  spool.add(columns(1))
  spool.end_round({})
  assert [f'{c.split()[0]} {os.path.basename(c)}' for c in calls] == [
    'name 000000000000.npz',
    'sync 000000000000.npz',
    'sync episodes',
    'sync state.json.part',
    'name state.json',
  ]


@pytest.fixture(name='clock')
def _clock(monkeypatch):
  clock = [100.0]
  monkeypatch.setattr(spool_lib.time, 'monotonic', lambda: clock[0])
  return clock


@pytest.fixture(name='synced')
def _synced(monkeypatch):
  """Names of what was synced."""
  names = []

  def note(descriptor):
    names.append(os.path.basename(os.readlink(f'/proc/self/fd/{descriptor}')))

  monkeypatch.setattr(spool_lib.os, 'fsync', note)
  return names


def test_a_simulators_rounds_are_synced_once_a_second(
  open_spool, clock, synced
):
  spool = open_spool()
  for number, at in enumerate((100.0, 100.5, 100.9, 101.1, 106.0)):
    clock[0] = at
    spool.add(columns(number))
    spool.end_round({'env': number})
  assert [name for name in synced if name.endswith('.npz')] == [
    f'{number:012d}.npz' for number in (0, 3, 4)
  ]
  clock[0] = 106.1
  spool.end_round({'env': 5}, last=True)
  assert spool.state()['env'] == 5


def test_all_of_a_slow_round_is_synced(open_spool, clock, synced):
  spool = open_spool()
  for number, at in enumerate((0.0, 3.0)):
    clock[0] = 100.0 + at + 0.3  # Soon after the round began.
    spool.add(columns(number))
    clock[0] = 100.0 + at + 3.0
    spool.end_round({'env': number})
  assert {'000000000000.npz', '000000000001.npz'} <= set(synced)
