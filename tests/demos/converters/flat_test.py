import tracemalloc

import numpy as np
import pytest

from awopt_agent.demos import schema
from awopt_agent.demos.converters import flat
from tests.demos.converters import fakes

# Three episodes: rows 0 to 2 end in a terminal state, rows 3 and 4 were cut,
# rows 5 and 6 were still going on.
ROWS = np.arange(7)
ARRAYS = {
  'observations': ROWS[:, None] / 2,
  'actions': ROWS[:, None] * 10.0,
  'rewards': np.array([0, 0, 1, 0.5, 0, 0, 0.25]),
  'terminals': np.array([0, 0, 1, 0, 0, 0, 0], bool),
  'timeouts': np.array([0, 0, 0, 0, 1, 0, 0], bool),
}


def save_npz(tmp_path, **changes):
  arrays = {**ARRAYS, **changes}
  path = str(tmp_path / 'a.npz')
  np.savez(path, **{n: v for n, v in arrays.items() if v is not None})
  return path


def save_hdf5(tmp_path, **changes):
  arrays = {**ARRAYS, **changes}
  return fakes.write_hdf5(
    tmp_path / 'a.hdf5', {n: v for n, v in arrays.items() if v is not None}
  )


@pytest.fixture(name='save', params=[save_npz, save_hdf5])
def _save(request, tmp_path):
  return lambda **changes: request.param(tmp_path, **changes)


def test_flags_part_the_rows_into_episodes(save):
  ended, cut, running = flat.read(save())
  # The terminal episode gets a row for its end; nothing reads what is in it.
  assert ended.steps['observation'].tolist() == [[0], [0.5], [1], [1]]
  assert ended.steps['action'].tolist() == [[0], [10], [20], [0]]
  assert ended.steps['reward'].tolist() == [0, 0, 1, 0]
  assert ended.steps['discount'].tolist() == [1, 1, 0, 0]
  assert ended.steps['is_terminal'].tolist() == [False] * 3 + [True]
  # Behind the others nothing is known.
  assert cut.steps['observation'].tolist() == [[1.5], [2]]
  assert cut.steps['reward'].tolist() == [0.5, 0]
  assert cut.steps['is_last'].tolist() == [False, True]
  assert not cut.steps['is_terminal'].any()
  assert running.steps['observation'].tolist() == [[2.5], [3]]


def test_what_stands_behind_a_timeout_is_never_used(save):
  # As in D4RL: zeros behind an end, or the next episode's first observation.
  behind = np.array([[0.5], [1], [77], [2], [77], [3], [77]])
  ended, cut, running = flat.read(save(next_observations=behind))
  assert ended.steps['observation'].tolist() == [[0], [0.5], [1], [77]]
  assert ended.steps['discount'][2] == 0  # So that 77 is never bootstrapped.
  for episode in (cut, running):
    assert 77 not in episode.steps['observation']
    assert 'next_observations' not in episode.steps


@pytest.mark.parametrize(
  'given', [{'episode_ends': [2, 7]}, {'episode_lengths': [2, 5]}]
)
def test_ends_or_lengths_part_the_rows_too(save, given):
  given = {name: np.array(values) for name, values in given.items()}
  path = save(terminals=None, timeouts=None, task=np.array([8, 9]), **given)
  short, long = flat.read(path)
  assert short.steps['observation'].tolist() == [[0], [0.5]]
  assert long.steps['reward'].tolist() == [1, 0.5, 0, 0, 0.25]
  assert not short.steps['is_terminal'].any()
  assert (short.metadata['task'], long.metadata['task']) == (8, 9)


def test_given_ends_may_be_terminal(save):
  path = save(timeouts=None, episode_ends=np.array([3, 7]))
  first, second = flat.read(path)
  assert first.steps['is_terminal'][-1]
  assert not second.steps['is_terminal'].any()


def test_terminals_without_timeouts_need_the_limit(save):
  path = save(timeouts=None)
  with pytest.raises(ValueError, match='terminals but no timeouts.*max_steps'):
    next(flat.read(path))
  lengths = [len(e.steps['reward']) for e in flat.read(path, max_steps=2)]
  # Rows 0 and 1 reach the limit, 2 ends (a row more), 3 and 4, 5 and 6.
  assert lengths == [2, 2, 2, 2]
  lengths = [len(e.steps['reward']) for e in flat.read(path, max_steps=0)]
  assert lengths == [4, 4]


def test_nests_and_further_arrays_are_kept(save):
  path = save(
    observations=None,
    **{
      'observations/a': ROWS[:, None],
      'observations/b/c': ROWS,
      'infos/goal': ROWS * 3,
      'seed': np.int64(4),
    },
  )
  episode = next(flat.read(path))
  assert episode.steps['observation']['b']['c'].tolist() == [0, 1, 2, 2]
  assert episode.steps['infos']['goal'].tolist() == [0, 3, 6, 6]
  assert episode.metadata['seed'] == 4


def test_d4rls_own_metadata_keeps_single_values(tmp_path):
  path = save_hdf5(
    tmp_path,
    **{'metadata/algorithm': 'SAC', 'metadata/policy/weight': np.zeros((7, 7))},
  )
  episode = next(flat.read(path))
  assert episode.metadata == {'metadata': {'algorithm': b'SAC'}}


def test_types_are_kept(save):
  path = save(actions=ROWS.astype(np.int8), rewards=np.ones(7, np.float32))
  episode = next(flat.read(path))
  assert episode.steps['action'].dtype == np.int8
  assert episode.steps['observation'].dtype == np.float64
  assert episode.steps['reward'].dtype == np.float32


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'actions': None}, 'has no actions, only observations'),
    ({'rewards': np.zeros(5)}, r'rewards has shape \[5\], but actions has 7'),
    ({'terminals': np.zeros(5)}, 'terminals has 5 rows.*7 actions'),
    ({'terminals': None, 'timeouts': None}, 'does not say where episodes end'),
    ({'episode_ends': np.array([2, 5])}, 'episode_ends must make.*7 in all'),
    ({'episode_ends': np.array([2, 2, 7])}, 'episode_ends must make'),
    ({'episode_lengths': np.array([8])}, 'episode_lengths must make'),
    ({'odd': np.zeros(11)}, 'odd has 11 rows.*remove it'),
  ],
)
def test_what_does_not_fit_is_named_in_one_line(save, changes, message):
  path = save(**changes)
  with pytest.raises(ValueError, match=message) as raised:
    next(flat.read(path))
  assert str(raised.value).startswith(path)
  assert len(str(raised.value).splitlines()) == 1


def test_a_terminal_within_an_episode_is_named_and_reading_goes_on(save):
  path = save(timeouts=None, episode_ends=np.array([4, 7]))
  episodes = flat.read(path)
  with pytest.raises(
    schema.BadEpisodeError,
    match=r'episode 0 \(rows 0 to 4\): terminals is set at row 2',
  ):
    next(episodes)
  assert next(episodes).steps['observation'].tolist() == [[2], [2.5], [3]]


def test_pickled_arrays_are_refused(tmp_path):
  path = save_npz(tmp_path, note=np.array([{}] * 7, object))
  with pytest.raises(ValueError, match='note holds Python objects'):
    next(flat.read(path))


def test_no_more_than_an_episode_is_held(save):
  path = save(
    observations=np.zeros((100_000, 40), np.float32),  # 16 MB.
    actions=np.zeros((100_000, 2), np.float32),
    rewards=None,
    terminals=None,
    timeouts=None,
    episode_lengths=np.full(100, 1000),
  )
  tracemalloc.start()
  count = sum(1 for _ in flat.read(path))
  _, peak_bytes = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert count == 100
  assert peak_bytes < 4_000_000


def test_a_limit_below_zero_is_refused(save):
  with pytest.raises(ValueError, match='max_steps must be at least 0, got -1'):
    flat.read(save(), max_steps=-1)


def test_fits_what_holds_observations_and_actions(save):
  assert flat.fits(save())
  assert not flat.fits(save(actions=None))
  assert not flat.fits(__file__)
