import numpy as np
import pytest
import reverb

from awopt_agent import structs
from awopt_agent.experience import tables
from tests import fakes
from tests.experience import reading

DEMO, CEM = int(structs.Source.DEMONSTRATION), int(structs.Source.CEM)


@pytest.fixture(name='start')
def _start():
  """Starts servers in this process; gives a client and a writer."""
  opened = []

  def start(steps_per_item=2, **sizes):
    config = tables.ReplayConfig(**sizes)
    server = reverb.Server(
      tables.make_tables(
        fakes.step_spec(), config, steps_per_item=steps_per_item
      ),
      port=None,
    )
    client = server.localhost_client()
    writer = tables.EpisodeWriter(
      client, fakes.step_spec(), steps_per_item=steps_per_item
    )
    opened.append((server, writer))
    return client, writer

  yield start
  for server, writer in opened:
    writer.close()
    server.stop()


def sizes(client):
  info = client.server_info()
  return info['success'].current_size, info['failure'].current_size


def test_an_episode_enters_the_table_of_its_outcome(start):
  client, write = start()
  write(fakes.make_episode(3, episode_id=1, success=True))
  write(fakes.make_episode(2, episode_id=2, success=False))
  assert sizes(client) == (3, 2)
  assert reading.contents(client, 'success') == {(1, 0), (1, 1), (1, 2)}
  assert reading.contents(client, 'failure') == {(2, 0), (2, 1)}


def test_the_writer_counts(start):
  _, write = start()
  write(fakes.make_episode(3, success=True))
  write(fakes.make_episode(2, success=False))
  assert (write.episodes, write.successes, write.transitions) == (2, 1, 5)


@pytest.mark.parametrize('steps', [2, 3])
def test_an_item_is_consecutive_steps_of_one_episode(start, steps):
  client, write = start(steps_per_item=steps)
  for episode_id, length in enumerate([4, 1, 3]):
    write(fakes.make_episode(length, episode_id=episode_id))
  for item in reading.draw(client, 'success', 200):
    label = item.label
    assert label.step.shape == (steps,)
    assert len(set(label.episode_id)) == 1
    first, length = label.step[0], label.length[0]
    rows = np.minimum(first + np.arange(steps), length)
    np.testing.assert_array_equal(label.step, rows)
    np.testing.assert_allclose(
      item.trajectory.observation['x'][:, 0],
      label.episode_id[0] + rows / 100,
      rtol=1e-6,
    )
    np.testing.assert_array_equal(item.trajectory.reward, rows == length - 1)


def test_an_episode_gives_an_item_for_each_transition_whatever_n(start):
  client, write = start(steps_per_item=4)
  write(fakes.make_episode(1, episode_id=1))
  write(fakes.make_episode(5, episode_id=2))
  assert reading.contents(client, 'success') == {
    (1, 0),
    (2, 0),
    (2, 1),
    (2, 2),
    (2, 3),
    (2, 4),
  }


def test_an_item_knows_its_episode(start):
  client, write = start()
  write(fakes.make_episode(3, episode_id=7, success=False, source=CEM))
  (item,) = reading.draw(client, 'failure', 1)
  np.testing.assert_array_equal(item.label.episode_id, [7, 7])
  np.testing.assert_array_equal(item.label.length, [3, 3])
  np.testing.assert_array_equal(item.label.success, [False, False])
  np.testing.assert_array_equal(item.label.source, [CEM, CEM])


def test_practice_evicts_the_oldest_practice(start):
  client, write = start(max_failure_items=4)
  for episode_id in range(1, 6):
    write(
      fakes.make_episode(2, episode_id=episode_id, success=False, source=CEM)
    )
  assert reading.contents(client, 'failure') == {
    (4, 0),
    (4, 1),
    (5, 0),
    (5, 1),
  }


def test_practice_is_evicted_in_the_order_of_its_arrival_where_it_is_told(
  start,
):
  client, write = start(max_failure_items=4)
  for arrival, episode_id in enumerate((9, 1, 5)):
    episode = fakes.make_episode(
      2, episode_id=episode_id, success=False, source=CEM
    )
    write(episode, arrival=arrival)
  assert {e for e, _ in reading.contents(client, 'failure')} == {1, 5}


def test_a_demonstration_stays_whenever_it_arrives(start):
  client, write = start(max_success_items=4)
  for arrival, source in enumerate((DEMO, CEM, CEM)):
    episode = fakes.make_episode(2, episode_id=arrival, source=source)
    write(episode, arrival=arrival)
  assert {e for e, _ in reading.contents(client, 'success')} == {0, 2}


def test_practice_never_evicts_demonstrations(start):
  client, write = start(max_success_items=8)
  for episode_id in range(2):
    write(fakes.make_episode(3, episode_id=episode_id, source=DEMO))
  for episode_id in range(100, 130):
    write(fakes.make_episode(3, episode_id=episode_id, source=CEM))
  kept = reading.contents(client, 'success')
  demonstrations = {(e, step) for e in range(2) for step in range(3)}
  assert demonstrations <= kept
  assert len(kept) == 8


def test_practice_evicts_no_demonstration_even_from_a_full_table(start):
  client, write = start(max_success_items=6)
  for episode_id in range(2):
    write(fakes.make_episode(3, episode_id=episode_id, source=DEMO))
  for episode_id in range(100, 105):
    write(fakes.make_episode(3, episode_id=episode_id, source=CEM))
  kept = reading.contents(client, 'success')
  assert kept == {(e, step) for e in range(2) for step in range(3)}


@pytest.mark.parametrize('name', ['max_success_items', 'max_failure_items'])
def test_a_table_without_room_is_refused(name):
  with pytest.raises(ValueError, match=name):
    tables.ReplayConfig(**{name: 0})


def test_a_long_episode_waits_in_no_buffer(start, capfd):
  """Reverb warns of many pending items, as they would grow without end."""
  client, write = start()
  write(fakes.make_episode(1000, success=True))
  assert sizes(client) == (1000, 0)
  assert 'pending items' not in capfd.readouterr().err
