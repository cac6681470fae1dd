import os

import numpy as np
import pytest

from awopt_agent import structs
from awopt_agent.experience.wire import board, inbox
from awopt_agent.train.roles import replay_service
from tests.experience.wire import fakes as wire_fakes
from tests.train.roles import fakes

DEMO = int(structs.Source.DEMONSTRATION)


@pytest.fixture(name='start')
def _start(tmp_path):
  """Starts replay roles in one folder, one after the other."""
  opened = []

  def start(**kwargs):
    for one in opened:
      one.close()
    opened[:] = [fakes.ReplayRole(tmp_path, **kwargs)]
    return opened[0]

  yield start
  for one in opened:
    one.close()


@pytest.fixture(name='role')
def _role(start):
  return start()


def _send(role, source, sequences, **kwargs):
  for sequence in sequences:
    role.send(fakes.episode(source, sequence), **kwargs)


# Episodes.


def test_an_episode_enters_the_table_of_its_outcome(role):
  role.send(fakes.episode(1, 0, length=3))
  role.send(fakes.episode(1, 1, length=2, success=True))
  role.turns()
  assert role.steps() == [
    *fakes.whole(1, [0], length=3),
    *fakes.whole(1, [1], length=2, table='success'),
  ]


def test_the_board_tells_what_was_taken_in(role):
  role.send(fakes.episode(0, 0, length=4, success=True, chosen_by=DEMO))
  role.send(fakes.episode(1, 0, length=3))
  role.send(fakes.episode(2, 0, length=2, success=True))
  role.turns()
  record = role.reader().read()
  expected = {
    'episodes': 2,
    'steps': 5,
    'successes': 1,
    'demonstrations': 1,
    'received': {'0': 1, '1': 1, '2': 1},
    'durable': {},
    'refused': 0,
  }
  assert expected.items() <= record.items()


def test_an_episode_that_comes_twice_is_stored_once(role):
  _send(role, 1, [0, 1, 0, 1, 1])
  role.turns()
  assert role.steps() == fakes.whole(1, [0, 1])
  assert role.service.counters.episodes == 2


def test_an_episode_before_its_turn_is_taken_when_it_comes_in_turn(role):
  _send(role, 1, [0, 2, 1, 2])
  role.turns()
  assert role.steps() == fakes.whole(1, [0, 1, 2])
  assert role.service.counters.received == {'1': 3}


def test_each_source_has_turns_of_its_own(role):
  _send(role, 1, [0, 1])
  _send(role, 2, [0])
  _send(role, 3, [1])
  role.turns()
  assert role.service.counters.received == {'1': 2, '2': 1}


def test_those_that_were_lost_with_a_disk_are_not_waited_for(role):
  _send(role, 1, [0])
  _send(role, 1, [5], skipped=5)
  _send(role, 1, [5, 6], skipped=5)
  role.turns()
  assert role.steps() == fakes.whole(1, [0, 5, 6])
  assert role.service.counters.received == {'1': 7}


def test_practice_is_dropped_in_the_order_of_its_arrival(start):
  role = start(sizes={'max_failure_items': 4})
  # By their ids the first collector's would go first.
  _send(role, 9, [0])
  _send(role, 1, [0])
  role.turns()
  _send(role, 2, [0])
  role.turns()
  assert role.steps() == [*fakes.whole(1, [0]), *fakes.whole(2, [0])]


# Garbage.


def _force(role, episode, **changes):
  columns = {
    **fakes.packing.StepPacking(fakes.SPEC).pack(episode),
    '_sender': np.zeros(2, np.int64),
    **changes,
  }
  wire_fakes.force(role.replay.client, inbox.INBOX, columns)


def _with_nan(episode):
  x = episode.trajectory.observation['x'].copy()
  x[1] = np.nan
  return episode._replace(
    trajectory=episode.trajectory._replace(observation={'x': x})
  )


def test_garbage_is_refused_and_the_service_goes_on(role):
  good = fakes.episode(1, 0)
  _force(role, good, int32=np.zeros([3, 7], np.float64))
  _force(role, good, float32=np.zeros([3, 1], np.float32))
  _force(role, good, int64=np.full([3, 3], -1))
  _send(role, 1, [0])
  role.turns()
  assert role.steps() == fakes.whole(1, [0])
  assert role.reader().read()['refused'] == 3
  assert len(role.said) == 3
  assert all(line.startswith('replay: refused an epi') for line in role.said)


def test_those_after_a_refused_episode_do_not_wait_for_it(role):
  _send(role, 1, [0])
  role.send(_with_nan(fakes.episode(1, 1)))
  _send(role, 1, [2])
  role.turns()
  assert role.steps() == fakes.whole(1, [0, 2])
  record = role.reader().read()
  assert (record['episodes'], record['refused']) == (2, 1)
  assert record['received'] == {'1': 3}


def test_a_refused_episode_that_comes_again_changes_nothing(role):
  role.send(_with_nan(fakes.episode(1, 0)))
  _send(role, 1, [1])
  role.send(_with_nan(fakes.episode(1, 0)))
  role.turns()
  assert role.service.counters.received == {'1': 2}


def test_a_refused_episode_after_a_lost_disk_is_passed_over(role):
  role.send(_with_nan(fakes.episode(1, 5)), skipped=5)
  _send(role, 1, [6], skipped=5)
  role.turns()
  assert role.steps() == fakes.whole(1, [6])


@pytest.mark.parametrize(
  'text', [b'save', b'[]', b'{"sav": 1}', b'{"save": 1}']
)
def test_a_request_that_is_none_is_refused(role, text):
  wire_fakes.force(
    role.replay.client, board.REQUESTS, {'json': np.frombuffer(text, np.uint8)}
  )
  _send(role, 1, [0])
  role.turns()
  assert role.service.counters.episodes == 1
  assert role.said[0].startswith('replay: refused a request: ')


# Saving.


def _ask(role, folder):
  """Asks for a save, and returns the answer."""
  identity = role.ask_to_save(folder)
  role.turns()
  answer = role.reader().read()['saved']
  assert answer['id'] == identity
  return answer['error']


def test_a_save_has_the_items_and_the_counters_that_belong_to_them(
  start, tmp_path
):
  role = start()
  _send(role, 1, [0, 1])
  role.turns()
  assert _ask(role, 'saved') == ''
  _send(role, 1, [2])
  role.turns()
  assert replay_service.read_counters(str(tmp_path / 'saved')) == (
    replay_service.Counters(episodes=2, steps=4, received={'1': 2})
  )
  role = start(restore_from='saved')
  assert role.steps() == fakes.whole(1, [0, 1])
  assert role.reader().read()['received'] == {'1': 2}


def test_what_waits_in_the_inbox_at_a_save_is_taken_once(start):
  role = start()
  _send(role, 1, [0])
  role.turns()
  _send(role, 1, [1, 2])
  role.service._save('saved')  # As if they had come during the save.
  role = start(restore_from='saved')
  _send(role, 1, [1, 2, 3])  # The collector reads received == 1.
  role.turns()
  assert role.steps() == fakes.whole(1, [0, 1, 2, 3])


@pytest.mark.parametrize(
  'folder', ['/', '..', '../a', '', '.', 'a/../..', '\0']
)
def test_nothing_is_saved_outside_of_the_runs_folder(start, tmp_path, folder):
  root = tmp_path / 'run'
  root.mkdir()
  role = fakes.ReplayRole(root)
  try:
    assert _ask(role, folder)
    assert sorted(os.listdir(tmp_path)) == ['run']
    assert sorted(os.listdir(root)) == ['run_id', 'scratch']
    assert _ask(role, 'inside') == ''
  finally:
    role.close()


def test_a_link_leads_nowhere_else(role, tmp_path_factory, tmp_path):
  outside = tmp_path_factory.mktemp('outside')
  (tmp_path / 'link').symlink_to(outside)
  assert 'is outside of' in _ask(role, 'link/saved')
  assert not os.listdir(outside)


def test_a_save_that_fails_is_answered_and_the_service_goes_on(role, tmp_path):
  (tmp_path / 'taken').mkdir()
  assert 'taken exists' in _ask(role, 'taken')
  assert 'cannot save the replay' in _ask(role, 'missing/saved')
  assert _ask(role, 'saved') == ''


def test_a_request_to_a_replay_before_this_one_saves_nothing(role, tmp_path):
  # Its learner saw other counters: this one may have fallen back.
  role.reader().ask({'save': 'replay', 'incarnation': 'gone'}, limit_s=5)
  role.turns()
  assert not (tmp_path / 'replay').exists()
  assert role.reader().read_now()['saved'] == {}
  assert role.said[0].startswith('replay: refused a request to one before it')


def test_a_save_that_was_given_up_and_is_asked_for_again_is_done(
  role, tmp_path
):
  # A learner that is stopped in a save starts the same one anew.
  (tmp_path / 'part').mkdir()
  role.ask_to_save('part/replay')
  role.turns()
  _send(role, 1, [0])
  role.turns()
  assert _ask(role, 'part/replay') == ''
  counters = replay_service.read_counters(str(tmp_path / 'part' / 'replay'))
  assert counters.episodes == 1


def test_a_folder_of_awopt_train_is_refused(role, tmp_path):
  role.replay.save(str(tmp_path / 'saved'))
  with pytest.raises(ValueError, match='was saved by awopt-train'):
    replay_service.read_counters(str(tmp_path / 'saved'))


def test_a_new_run_has_counted_nothing():
  assert replay_service.read_counters(None) == replay_service.Counters()


# What is in a checkpoint.


def _save_part(role, tmp_path, step):
  part = f'checkpoints/{step:010d}.part'
  (tmp_path / part).mkdir(parents=True)
  assert _ask(role, f'{part}/replay') == ''
  return f'{part}/replay'


def _durable(role):
  role.turns()
  return role.reader().read()['durable']


def test_episodes_are_durable_when_an_older_checkpoint_has_them_too(
  role, tmp_path
):
  _send(role, 1, [0, 1])
  role.turns()
  part = _save_part(role, tmp_path, 60)
  _send(role, 1, [2])
  assert _durable(role) == {}
  fakes.adopt(tmp_path, 60, part)
  assert _durable(role) == {}  # The newest may be found damaged.
  part = _save_part(role, tmp_path, 70)
  _send(role, 1, [3])
  assert _durable(role) == {}
  fakes.adopt(tmp_path, 70, part)
  assert _durable(role) == {'1': 2}
  assert role.service.counters.received == {'1': 4}


def test_the_checkpoint_of_a_restart_is_the_older_one_of_the_next(
  start, tmp_path
):
  role = start()
  _send(role, 1, [0])
  role.turns()
  fakes.adopt(tmp_path, 60, _save_part(role, tmp_path, 60))
  role = start(restore_from='checkpoints/0000000060/replay')
  assert _durable(role) == {}
  fakes.adopt(tmp_path, 70, _save_part(role, tmp_path, 70))
  assert _durable(role) == {'1': 1}


def test_a_checkpoint_that_was_given_up_makes_nothing_durable(role, tmp_path):
  _send(role, 1, [0])
  role.turns()
  fakes.adopt(tmp_path, 60, _save_part(role, tmp_path, 60))
  part = _save_part(role, tmp_path, 70)
  os.rename(tmp_path / part, tmp_path / 'gone')
  assert _durable(role) == {}


def test_an_earlier_checkpoint_of_the_step_makes_nothing_durable(
  role, tmp_path
):
  _send(role, 1, [0])
  role.turns()
  fakes.adopt(tmp_path, 60, _save_part(role, tmp_path, 60))
  _send(role, 1, [1])
  role.turns()
  part = _save_part(role, tmp_path, 60)
  os.rename(tmp_path / part, tmp_path / 'gone')
  assert _durable(role) == {}


def test_each_start_of_the_role_is_told_apart(start):
  first = start().reader().read()['incarnation']
  assert start().reader().read()['incarnation'] != first
