import contextlib

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.experience.wire import weights
from tests.experience.wire import fakes

# Those that a detour over text or doubles would lose.
_ODD = np.array(
  [[-0.0, 1e-45, np.inf], [np.nan, 1 / 3, 3.4028235e38]], np.float32
)


def _variables(step=0, matrix=0.0):
  return [
    tf.Variable(step, dtype=tf.int64),
    tf.Variable(np.broadcast_to(np.float32(matrix), [2, 3])),
  ]


def _table():
  return weights.make_table(weights.ACTING, _variables())


class _Sides:
  """A server with weights, and both who use them.

  Attributes:
    sent, got: Variables of the learner, and of who acts.
    connection, publisher, subscriber: The parts.
  """

  def __init__(self, server):
    self.sent, self.got = _variables(2**40, _ODD), _variables()
    self.connection = fakes.connect(server)
    self.publisher = weights.Publisher(
      self.connection, weights.ACTING, self.sent
    )
    self.subscriber = weights.Subscriber(
      self.connection, weights.ACTING, self.got
    )


@pytest.fixture(name='sides')
def _sides():
  with fakes.serving(_table()) as server:
    yield _Sides(server)


def test_weights_arrive_bit_for_bit(sides):
  sides.publisher.publish()
  assert sides.subscriber.pull()
  for sent, got in zip(sides.sent, sides.got, strict=True):
    assert got.numpy().tobytes() == sent.numpy().tobytes()


def test_nothing_is_pulled_before_weights_are_published(sides):
  assert not sides.subscriber.pull()
  assert sides.got[0].numpy() == 0


def test_weights_are_pulled_only_if_they_are_newer(sides):
  sides.publisher.publish()
  assert sides.subscriber.pull()
  sides.got[0].assign(-1)
  assert not sides.subscriber.pull()
  assert sides.got[0].numpy() == -1
  for step in (5, 6):  # Of two, the last.
    sides.sent[0].assign(step)
    sides.publisher.publish()
  assert sides.subscriber.pull()
  assert sides.got[0].numpy() == 6
  assert not sides.subscriber.pull()


def test_a_late_subscriber_gets_the_newest(sides):
  sides.publisher.publish()
  assert sides.subscriber.pull()
  late = _variables()
  subscriber = weights.Subscriber(sides.connection, weights.ACTING, late)
  assert subscriber.pull()
  assert late[0].numpy() == 2**40


def test_the_last_weights_say_that_they_are(sides):
  for finished in (False, True, False):  # A run may be extended.
    sides.publisher.publish(finished=finished)
    assert sides.subscriber.finished != finished or not finished
    assert sides.subscriber.pull()
    assert sides.subscriber.finished == finished


def _publish_at_last(publisher):
  """Publishes, as the learner does: the first time may find a dead socket."""
  for _ in range(3):
    with contextlib.suppress(TimeoutError):
      publisher.publish()
      return
  publisher.publish()


def test_a_server_that_starts_again_gives_what_is_published_anew():
  with fakes.serving(_table()) as server:
    sides = _Sides(server)
    sides.publisher.publish()
    assert sides.subscriber.pull()
    assert not sides.publisher.is_lost()
  with fakes.serving(_table(), port=server.port):
    fakes.wait_until_up(sides.connection, weights.ACTING)
    assert sides.publisher.is_lost()
    assert not sides.subscriber.pull()
    # The first of the new server, as the first of the old one was.
    sides.sent[0].assign(7)
    _publish_at_last(sides.publisher)
    assert sides.subscriber.pull()
    assert sides.got[0].numpy() == 7


@pytest.mark.parametrize('side', ['publish', 'pull'])
def test_a_server_that_is_gone_is_an_error_that_names_all(side):
  with fakes.serving(_table()) as server:
    sides = _Sides(server)
    sides.publisher.publish()
  function = {
    'publish': sides.publisher.publish,
    'pull': sides.subscriber.pull,
  }[side]
  with pytest.raises(TimeoutError) as raised:
    function(limit_s=0.2)
  line = str(raised.value)
  for part in ('tester', "'acting_weights'", sides.connection.address):
    assert part in line


def test_a_server_of_another_run_is_an_error(sides):
  subscriber = weights.Subscriber(
    sides.connection, weights.TARGET, _variables()
  )
  with pytest.raises(ValueError, match="no table 'target_weights'"):
    subscriber.pull()
