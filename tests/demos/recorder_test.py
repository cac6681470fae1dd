import io

import numpy as np
import pytest

from awopt_agent.demos import recorder, validator
from tests.demos import fakes


def _recorder(**kwargs):
  return recorder.Recorder(
    fakes.CountingEnv(), fakes.CountingExpert(), **kwargs
  )


def test_keeps_successes_alone_and_counts_the_rest():
  recording = _recorder()
  episodes = list(recording.record(4))
  # Episodes 0 and 3 fail; episode k has k + 1 transitions.
  assert [episode.length for episode in episodes] == [2, 3, 5, 6]
  assert all(episode.success for episode in episodes)
  assert recording.counts == recorder.Counts(attempts=6, successes=4, kept=4)


def test_keeps_failures_when_asked():
  recording = _recorder(keep_failures=True)
  episodes = list(recording.record(4))
  assert [episode.success for episode in episodes] == [False, True, True, False]
  assert recording.counts == recorder.Counts(attempts=4, successes=2, kept=4)


def test_records_what_happened():
  recording = _recorder()
  episode = next(recording.record(1))
  np.testing.assert_array_equal(
    episode.observation['place'], [[1, 0], [1, 1], [1, 2]]
  )
  np.testing.assert_allclose(episode.action['move'][:2, 0], [0.1, 0.2])
  np.testing.assert_array_equal(episode.reward, [0, 1, 0])
  assert episode.is_terminal
  validator.check_matches(episode, fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC)


def test_goes_on_where_it_stopped():
  recording = _recorder()
  list(recording.record(1))
  assert [episode.length for episode in recording.record(2)] == [3, 5]
  assert recording.counts.kept == 3


def test_plays_only_as_much_as_is_taken():
  recording = _recorder()
  episodes = recording.record(100)
  next(episodes)
  assert recording.counts.attempts == 2


def test_gives_up_on_an_expert_that_always_fails():
  recording = _recorder(success_threshold=2.0)
  with pytest.raises(ValueError, match='in only 0 of 100 episodes; lower'):
    list(recording.record(1))


def test_counts_read_as_a_sentence():
  # Wilson's interval for 3 of 4 at 90%: middle (.75 + .338193) / 1.676386,
  # half 1.644854 / 1.676386 * sqrt(.046875 + .042274).
  text = str(recorder.Counts(attempts=4, successes=3, kept=3))
  assert text == (
    'kept 3 of 4 episodes; 3 succeeded, 0.750 [0.356, 0.942] (90% interval)'
  )
  assert 'kept 0 of 0' in str(recorder.Counts())


class _Terminal(io.StringIO):
  def isatty(self):
    return True


def test_progress_is_plain_lines_in_a_log():
  stream = io.StringIO()
  items = list(recorder.show_progress(range(30), 30, stream=stream))
  assert items == list(range(30))
  lines = stream.getvalue().splitlines()
  assert len(lines) == 10
  assert lines[-1] == '30 of 30 episodes'
  assert '\r' not in stream.getvalue()


def test_progress_is_a_bar_on_a_terminal():
  stream = _Terminal()
  items = list(recorder.show_progress(range(30), 30, stream=stream))
  assert items == list(range(30))
  assert '30/30' in stream.getvalue()
  assert '\r' in stream.getvalue()
