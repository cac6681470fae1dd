import threading

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.experience import packing
from awopt_agent.experience.wire import inbox
from tests import fakes as agent_fakes
from tests.experience import pictures
from tests.experience.wire import fakes

_SPEC = agent_fakes.step_spec()
_NAME = packing.StepPacking(_SPEC).small


def _pack(episode):
  return packing.StepPacking(_SPEC).pack(episode)


class _Sides:
  """A server with an inbox, and both who use it.

  Attributes:
    client, connection, inbox: The parts.
  """

  def __init__(self, server):
    self.client = server.localhost_client()
    self.connection = fakes.connect(server)
    self.inbox = inbox.Inbox(self.client, _SPEC)

  def send(self, *episodes, skipped=0, limit_s=5.0):
    inbox.send(
      self.connection,
      [_pack(episode) for episode in episodes],
      limit_s=limit_s,
      sender=inbox.Sender(skipped, spool=7),
    )

  def force(self, changes, *, without=()):
    """Sends an episode with other columns, as a stranger may."""
    columns = _pack(agent_fakes.make_episode(3))
    columns['_sender'] = np.zeros(2, np.int64)
    columns.update(changes)
    for name in without:
      del columns[name]
    fakes.force(self.client, inbox.INBOX, columns)

  def receive(self):
    return list(self.inbox.receive(fakes.size(self.client, inbox.INBOX)))


@pytest.fixture(name='sides')
def _sides():
  with fakes.serving(inbox.make_table(_SPEC, max_items=3)) as server:
    yield _Sides(server)


def test_an_id_tells_source_and_sequence():
  assert inbox.episode_id(0, 7) == 7
  identity = inbox.episode_id(3, 9)
  assert identity == 3 * 2**32 + 9
  assert inbox.source_of(identity) == 3
  assert inbox.sequence_of(identity) == 9


def test_episodes_arrive_whole_and_in_order(sides):
  # A full inbox: whoever writes items would have 3 + 1 + 40 of them.
  sent = [
    agent_fakes.make_episode(
      length, episode_id=inbox.episode_id(2, n), success=n % 2 == 0
    )
    for n, length in enumerate((3, 1, 40))
  ]
  sides.send(sent[0])
  sides.send(*sent[1:], skipped=1)  # As one item.
  assert fakes.size(sides.client, inbox.INBOX) == 2
  received = sides.receive()
  senders = [tuple(episode.sender) for episode in received]
  assert senders == [(0, 7), (1, 7), (1, 7)]
  for episode, expected in zip(received, sent, strict=True):
    packed = _pack(expected)
    assert episode.columns.keys() == packed.keys()
    for name, column in packed.items():
      assert episode.columns[name].dtype == column.dtype
      np.testing.assert_array_equal(episode.columns[name], column)
    for value, wanted in zip(episode.label, expected.label, strict=True):
      assert value.dtype == wanted.dtype
      np.testing.assert_array_equal(value, wanted)
  assert sides.receive() == []


def test_a_full_inbox_is_an_error_that_says_so(sides):
  for _ in range(3):
    sides.send(agent_fakes.make_episode(1))
  with pytest.raises(TimeoutError) as raised:
    sides.send(agent_fakes.make_episode(1), limit_s=0.1)
  line = str(raised.value)
  for part in ('tester', 'deliver', "'inbox'", sides.connection.address):
    assert part in line


def test_a_sender_waits_for_room(sides):
  for _ in range(3):
    sides.send(agent_fakes.make_episode(1))
  threading.Timer(0.1, lambda: list(sides.inbox.receive(1))).start()
  sides.send(agent_fakes.make_episode(1))
  assert len(sides.receive()) == 3


def test_an_episode_of_another_agent_is_refused_before_it_is_sent(sides):
  columns = _pack(agent_fakes.make_episode(2))
  columns[_NAME] = columns[_NAME][:, :-1]
  with pytest.raises(ValueError, match='signature'):
    inbox.send(sides.connection, [columns], limit_s=5)
  assert sides.receive() == []


# What only a stranger, or a fault, would send.


def _labelled(**changes):
  """Returns the packed columns of an episode with another label."""
  episode = agent_fakes.make_episode(3, episode_id=1)
  label = episode.label
  for name, values in changes.items():
    old = getattr(label, name)
    label = label._replace(**{name: np.asarray(values).astype(old.dtype)})
  return _pack(episode._replace(label=label))


def _with(value):
  columns = _pack(agent_fakes.make_episode(3))
  packing.StepPacking(_SPEC).values(columns)['float32'][1, 0] = value
  return columns


_EPISODE = _pack(agent_fakes.make_episode(3))
_SMALL = _EPISODE[_NAME]
_GARBAGE = {
  'too few rows': (
    {name: column[:1] for name, column in _EPISODE.items()},
    'two or more',
  ),
  'no rows': (
    {name: column[:0] for name, column in _EPISODE.items()},
    'two or more',
  ),
  'size': ({_NAME: _SMALL[:, 1:]}, f'column {_NAME} is uint8'),
  'type': ({_NAME: _SMALL.astype(np.float64)}, f'column {_NAME} is float64'),
  'other integers': (
    {_NAME: _SMALL.astype(np.int32)},
    f'column {_NAME} is int32',
  ),
  'words': ({_NAME: np.array([['a']] * 4)}, f'column {_NAME}'),
  'a number': ({_NAME: np.bool_(True)}, f'column {_NAME}'),
  'three dimensions': ({_NAME: _SMALL[..., np.newaxis]}, f'column {_NAME}'),
  'three numbers': ({'_sender': np.arange(3)}, 'column _sender'),
  'no numbers': ({'_sender': np.zeros(2, np.float32)}, 'column _sender'),
  'other steps': (_labelled(step=[0, 1, 1, 3]), 'label of episode 1 '),
  'the end alone': (_labelled(step=[1, 2, 3, 4]), 'label of episode 1 '),
  'another length': (_labelled(length=[5] * 4), 'label of episode 1 '),
  'half a success': (_labelled(success=[1, 1, 0, 1]), 'label of episode 1 '),
  'two episodes': (_labelled(episode_id=[1, 1, 2, 2]), 'label of episode 1 '),
  'a negative id': (_labelled(episode_id=[-1] * 4), 'label of episode -1 '),
  'NaN': (_with(np.nan), 'float32 of episode 1 holds NaN'),
  'infinity': (_with(np.inf), 'float32 of episode 1 holds NaN'),
}


def test_columns_of_different_lengths_are_refused():
  spec = pictures.step_spec()
  packer = packing.StepPacking(spec)
  columns = packer.pack(pictures.make_episode(3))
  columns[packer.small] = columns[packer.small][:-1]
  columns['_sender'] = np.zeros(2, np.int64)
  with fakes.serving(inbox.make_table(spec)) as server:
    client = server.localhost_client()
    fakes.force(client, inbox.INBOX, columns)
    (refused,) = inbox.Inbox(client, spec).receive(1)
  assert 'as many in each' in str(refused)


@pytest.mark.parametrize('kind', _GARBAGE)
def test_garbage_is_refused_and_those_around_it_arrive(sides, kind):
  changes, reason = _GARBAGE[kind]
  sides.send(agent_fakes.make_episode(2, episode_id=7))
  sides.force(changes)
  sides.send(agent_fakes.make_episode(2, episode_id=8))
  before, refused, after = sides.receive()
  assert before.label.episode_id[0] == 7
  assert after.label.episode_id[0] == 8
  assert isinstance(refused, inbox.RefusedError)
  assert reason in str(refused)
  assert len(str(refused).splitlines()) == 1


def test_a_column_too_few_or_too_many_is_refused(sides):
  sides.force({}, without=[_NAME])
  sides.force({'more': np.zeros(3)})
  sides.send(agent_fakes.make_episode(2, episode_id=8))
  few, many, after = sides.receive()
  for refused in (few, many):
    assert str(refused) == 'an item of other columns than an episode has.'
  assert after.label.episode_id[0] == 8


def test_of_the_episodes_of_an_item_only_the_unsound_are_refused(sides):
  first, last = (
    agent_fakes.make_episode(2, episode_id=number) for number in (7, 9)
  )
  unsound = agent_fakes.make_episode(2, episode_id=8)
  cut = tf.nest.map_structure(lambda part: part[:-1], unsound)
  sides.send(first, cut, last)
  before, refused, after = sides.receive()
  assert before.label.episode_id[0] == 7
  assert refused.episode_id == 8
  assert after.label.episode_id[0] == 9


def test_a_refusal_tells_the_episode(sides):
  sides.force({**_with(np.nan), '_sender': np.array([5, 0])})
  sides.force(_labelled(length=[5] * 4))
  unsound_numbers, unsound_label = sides.receive()
  assert (unsound_numbers.episode_id, unsound_numbers.skipped) == (1, 5)
  # Else those after it would wait for it.
  assert unsound_label.episode_id == 1


def test_an_episode_that_is_too_long_is_refused_by_its_id(sides, monkeypatch):
  monkeypatch.setattr(inbox, '_MOST_STEPS', 2)
  sides.send(agent_fakes.make_episode(3, episode_id=inbox.episode_id(2, 8)))
  (refused,) = sides.receive()
  assert 'has 3 transitions, more than 2' in str(refused)
  assert refused.episode_id == inbox.episode_id(2, 8)
