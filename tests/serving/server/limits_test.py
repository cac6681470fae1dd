import pytest

from awopt_agent.serving.server import limits


class Clock:
  now_s = 0.0

  def __call__(self):
    return self.now_s


def test_a_bucket_lets_a_burst_through_and_then_the_rate():
  clock = Clock()
  bucket = limits.TokenBucket(2.0, 3, clock)
  assert [bucket.take() for _ in range(3)] == [0, 0, 0]
  assert bucket.take() == 0.5  # At 2 a second.
  clock.now_s = 0.25
  assert bucket.take() == 0.25
  clock.now_s = 0.5
  assert bucket.take() == 0
  assert bucket.take() == 0.5


def test_a_bucket_holds_no_more_than_a_burst():
  clock = Clock()
  bucket = limits.TokenBucket(2.0, 3, clock)
  clock.now_s = 3600.0
  assert [bucket.take() > 0 for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize('field', ['request_bytes', 'rows', 'time_s', 'burst'])
@pytest.mark.parametrize('value', [0, -1, float('nan'), float('inf')])
def test_refuses_a_limit_that_lets_nothing_through(field, value):
  with pytest.raises(ValueError, match=rf'Limits\.{field} must be > 0, got'):
    limits.Limits(**{field: value})


def test_no_rate_is_no_limit():
  assert limits.Limits().rate_per_s is None
