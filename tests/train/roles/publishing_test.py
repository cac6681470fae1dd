import pytest
import tensorflow as tf

from awopt_agent.experience.wire import weights
from awopt_agent.train.roles import publishing
from tests.train import fakes as train_fakes
from tests.train.roles import casts


@pytest.fixture(name='cast', scope='module')
def _cast(tmp_path_factory):
  return casts.make_context(tmp_path_factory.mktemp('run'))


@pytest.fixture(name='role')
def _role(cast):
  role = casts.serve(cast)
  yield role
  role.close()


def make(role, cast, *, every_s=100.0, max_target_age=None):
  return publishing.Publishing(
    cast.agent,
    role.connect(),
    every_s=every_s,
    max_target_age=max_target_age,
  )


def counts(role):
  """Returns how often weights were published, to act by and for targets."""
  tables = role.replay.client.server_info(timeout=10)
  return tuple(
    tables[name].rate_limiter_info.insert_stats.completed
    for name in (weights.ACTING, weights.TARGET)
  )


@pytest.mark.parametrize('max_target_age', [None, 400])
def test_updaters_get_weights_where_there_are_any(role, cast, max_target_age):
  make(role, cast, max_target_age=max_target_age).publish()
  assert counts(role) == (1, 0 if max_target_age is None else 1)


@pytest.mark.parametrize('finished', [False, True])
def test_readers_get_the_weights_of_now_and_whether_they_are_the_last(
  role, cast, finished
):
  cast.agent.train_step_counter.assign(7)
  make(role, cast).publish(finished=finished)
  reader = train_fakes.make_agent(seed=9)
  subscriber = weights.Subscriber(
    role.connect(), weights.ACTING, reader.acting_variables
  )
  assert subscriber.pull()
  assert subscriber.finished == finished
  assert reader.train_step_counter.numpy() == 7
  for found, sent in zip(
    reader.acting_variables, cast.agent.acting_variables, strict=True
  ):
    tf.debugging.assert_equal(found, sent)


@pytest.mark.parametrize(('every_s', 'times'), [(100.0, 1), (0.0, 2)])
def test_publishes_when_it_is_due(role, cast, every_s, times):
  sender = make(role, cast, every_s=every_s)
  for _ in range(2):
    sender.publish_when_due()
  assert counts(role)[0] == times


def test_publishes_before_the_targets_of_the_last_weights_are_old(role, cast):
  step = cast.agent.train_step_counter
  step.assign(10)
  sender = make(role, cast, max_target_age=40)
  sender.publish()
  for steps, times in ((9, 1), (1, 2), (9, 2), (1, 3)):  # A quarter of 40.
    step.assign_add(steps)
    sender.publish_when_due()
    assert counts(role) == (times, times)


def test_without_updaters_steps_do_not_count(role, cast):
  sender = make(role, cast)
  sender.publish()
  cast.agent.train_step_counter.assign_add(10_000)
  sender.publish_when_due()
  assert counts(role)[0] == 1


def test_a_server_without_weights_gets_them_again(role, cast):
  sender = make(role, cast, max_target_age=400)
  sender.publish_to_the_waiting()
  assert counts(role) == (1, 1)
  sender.publish_to_the_waiting()  # Nothing is lost.
  assert counts(role) == (1, 1)


def test_who_waits_for_newer_weights_gets_them(role, cast):
  sender = make(role, cast, max_target_age=400)
  sender.publish()
  cast.agent.train_step_counter.assign_add(401)  # All targets are dropped now.
  sender.publish_to_the_waiting()
  assert counts(role) == (2, 2)
