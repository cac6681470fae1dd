import pytest

from awopt_agent.serving.control import detectors, episode


def trace(*observations):
  return episode.Trace(observations=list(observations))


def test_when_something_held_long_enough_the_episode_succeeded():
  detect = detectors.when(lambda height: height > 1, steps=2)
  assert detect(trace(2), False) is None
  assert detect(trace(0, 2), False) is None
  assert detect(trace(0, 2, 3), False) is True
  assert detect(trace(2, 3, 0), True) is None
  with pytest.raises(ValueError, match='steps must be >= 1'):
    detectors.when(bool, steps=0)


def test_at_the_end_the_last_observation_is_asked():
  detect = detectors.at_end(lambda height: height > 1)
  assert detect(trace(2), False) is None
  assert detect(trace(2, 2), True) is True
  assert detect(trace(2, 0), True) is False


@pytest.mark.parametrize(
  ('success', 'failure', 'verdict'),
  [(False, False, None), (True, False, True), (True, True, False)],
)
def test_keys_decide_and_failure_wins(success, failure, verdict):
  detect = detectors.by_key(lambda: success, lambda: failure)
  assert detect(trace(0), False) is verdict


def test_the_first_that_has_something_to_say_is_believed():
  detect = detectors.first_of(
    lambda trace, ended: None,
    lambda trace, ended: False,
    lambda trace, ended: True,
  )
  assert detect(trace(0), False) is False
  assert detectors.first_of()(trace(0), True) is None
