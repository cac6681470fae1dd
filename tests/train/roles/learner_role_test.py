"""The learner role around a learner that only counts; see integration too."""

import dataclasses
import itertools
import json
import threading

import pytest

from awopt_agent import agent as agent_lib
from awopt_agent.experience.wire import weights
from awopt_agent.train import checkpoints, stopping
from awopt_agent.train import config as config_lib
from awopt_agent.train.roles import learner_role, replay_service, reports
from tests.train import fakes as train_fakes
from tests.train.roles import casts, fakes


class _CountingLearner:
  """Counts steps instead of learning, which would have to be compiled."""

  def __init__(self, role):
    self._step = role._agent.train_step_counter

  def run(self, steps):
    self._step.assign_add(steps)
    return agent_lib.AwOptInfo(*[0.5] * len(agent_lib.AwOptInfo._fields))

  def summarize(self, **numbers):
    pass


@pytest.fixture(autouse=True)
def _parts(monkeypatch):
  monkeypatch.setattr(
    learner_role.LearnerRole,
    '_make_learner',
    lambda self, targets_given: _CountingLearner(self),
  )
  casts.give(monkeypatch, casts.Demonstrations())


@pytest.fixture(name='agent', scope='module')
def _agent():
  return train_fakes.make_agent()


@pytest.fixture(name='cast')
def _cast(tmp_path, agent):
  agent.train_step_counter.assign(0)
  roles = {'max_lead_steps': 40, 'publish_every_s': 0.01}
  return casts.make_context(tmp_path, agent=agent, roles=roles)


@pytest.fixture(name='role')
def _role(cast):
  role = casts.serve(cast)
  yield role
  role.close()


def _make(role, cast, **kwargs):
  return learner_role.LearnerRole(cast, casts.address(role), **kwargs)


def _practise(role, count):
  """Delivers episodes of two steps, as a collector does."""
  for sequence in range(count):
    role.send(_episode(sequence))


def _episode(sequence):
  episode = fakes.episode(1, sequence)
  action = {'move': episode.trajectory.action['move']}
  return episode._replace(trajectory=episode.trajectory._replace(action=action))


def _changed(cast, **changes):
  """Returns a context with other `RolesConfig`."""
  roles = dataclasses.replace(cast.roles, **changes)
  return cast._replace(roles=roles)


def _step(cast):
  return cast.agent.train_step_counter.numpy()


def _demonstrations(count):
  return fakes.whole(0, range(count), table='success')


def _state(cast):
  latest = checkpoints.latest(cast.folder.checkpoints)
  return latest and checkpoints.read_state(latest)


# The beginning.


def test_begins_with_each_demonstration_once_and_saves_them(role, cast):
  _make(role, cast).begin()
  assert role.steps() == _demonstrations(3)
  assert _state(cast) == {
    'practised': 0,
    'practised_steps': 0,
    'finished': False,
  }
  replay = checkpoints.replay_folder(
    checkpoints.latest(cast.folder.checkpoints)
  )
  assert replay_service.read_counters(replay).demonstrations == 3


def test_a_stop_among_the_demonstrations_saves_no_half_of_them(
  role, cast, monkeypatch
):
  asked = threading.Event()
  casts.give(monkeypatch, casts.Demonstrations(on_each=asked.set))
  stopped = _make(role, cast, stop_requested=asked.is_set)
  with pytest.raises(stopping.Stopped):
    stopped.begin()
  assert stopped.stop() == 'learner: stopped before it began'
  assert _state(cast) is None
  casts.give(monkeypatch, casts.Demonstrations())
  _make(role, cast).begin()
  assert role.steps() == _demonstrations(3)


def test_the_first_weights_are_published(role, cast):
  cast.agent.train_step_counter.assign(3)
  _make(role, cast, targets_given=True).begin()
  agent = train_fakes.make_agent(seed=9)
  for table, variables in (
    (weights.ACTING, agent.acting_variables),
    (weights.TARGET, [agent.train_step_counter, *agent.target_variables]),
  ):
    agent.train_step_counter.assign(0)
    subscriber = weights.Subscriber(role.connect(), table, variables)
    assert subscriber.pull()
    assert not subscriber.finished
    assert agent.train_step_counter.numpy() == 3


def test_targets_weights_are_published_for_updaters_alone(role, cast):
  _make(role, cast).begin()
  sizes = role.replay.sizes()
  assert (sizes[weights.ACTING], sizes[weights.TARGET]) == (1, 0)


def test_a_replay_that_never_comes_is_an_error_that_names_it(role, cast):
  role.close()
  with pytest.raises(TimeoutError) as raised:
    _make(role, _changed(cast, wait_limit_s=0.2))
  line = str(raised.value)
  for part in ('learner: waited', 'counters', "'board'", casts.address(role)):
    assert part in line


def test_a_stop_ends_the_wait_for_the_replay(role, cast):
  role.close()
  looks = iter(range(3))
  with pytest.raises(stopping.Stopped):
    _make(role, cast, stop_requested=lambda: next(looks, None) is None)


# Learning.


def test_learns_to_the_end_of_practice_and_says_so(role, cast):
  learner = _make(role, cast)
  learner.begin()
  _practise(role, 6)
  line = learner.learn()
  # 4 of pre-training, and half a step for each of 12 of practice; before the
  # counters told that this was all, it may have led by up to 20.
  assert 10 <= learner.step <= 30
  assert line == (
    f'learner: finished at step {learner.step}, 6 episodes of practice'
  )
  assert _state(cast) == {
    'practised': 6,
    'practised_steps': 12,
    'finished': True,
  }
  other = train_fakes.make_agent(seed=9)
  subscriber = weights.Subscriber(
    role.connect(), weights.ACTING, other.acting_variables
  )
  assert subscriber.pull()
  assert subscriber.finished
  assert other.train_step_counter.numpy() == learner.step


def test_leads_by_so_many_steps_then_waits_for_practice(role, cast):
  learner = _make(role, cast)
  learner.begin()
  looks = iter(range(5))
  learner._stop_requested = lambda: (
    learner.step >= 24 and next(looks, None) is None
  )
  with pytest.raises(stopping.Stopped):
    learner.learn()
  # 4 of pre-training, and 40 environment steps' worth.
  assert learner.step == 24
  report = reports.read_all(cast.folder.path)['learner']
  assert report['unit'] == 'steps'
  assert report['note'].startswith('0 episodes')


@pytest.mark.parametrize('lead', [1, 3, 39])
def test_a_short_lead_is_no_deadlock(role, cast, lead):
  # Collectors wait at once where the learner has not moved.
  cast = _changed(cast, max_lead_steps=lead)
  looks = itertools.count()
  learner = _make(
    role, cast, stop_requested=lambda: _step(cast) > 4 or next(looks) > 600
  )
  learner.begin()
  with pytest.raises(stopping.Stopped):
    learner.learn()
  assert learner.step > 4


def test_practice_that_never_comes_is_an_error_that_names_all(role, cast):
  learner = _make(role, _changed(cast, wait_limit_s=0.3))
  learner.begin()
  with pytest.raises(TimeoutError) as raised:
    learner.learn()
  line = str(raised.value)
  for part in (
    'learner: waited',
    'practice beyond 0 steps',
    "'inbox'",
    casts.address(role),
  ):
    assert part in line


def test_a_replay_that_goes_away_for_too_long_is_an_error(role, cast):
  learner = _make(role, _changed(cast, wait_limit_s=0.3, pull_every_s=0.01))
  learner.begin()
  role.close()
  with pytest.raises(TimeoutError) as raised:
    learner.learn()
  assert 'learner' in str(raised.value)
  assert casts.address(role) in str(raised.value)


@pytest.mark.parametrize(
  ('targets_given', 'table'), [(False, 'success'), (True, 'labelled')]
)
def test_batches_that_never_come_are_an_error_that_names_all(
  role, cast, monkeypatch, targets_given, table
):
  ended = threading.Event()
  monkeypatch.setattr(_CountingLearner, 'run', lambda self, steps: ended.wait())
  learner = _make(
    role, _changed(cast, wait_limit_s=0.3), targets_given=targets_given
  )
  learner.begin()
  with pytest.raises(TimeoutError) as raised:
    learner.learn()
  ended.set()
  line = str(raised.value)
  for part in ('learner', 'for a batch', f"'{table}'", casts.address(role)):
    assert part in line


# Checkpoints.


def test_a_stop_saves_what_was_learnt(role, cast):
  learner = _make(role, cast, stop_requested=lambda: _step(cast) > 4)
  learner.begin()
  with pytest.raises(stopping.Stopped):
    learner.learn()
  assert learner.stop() == 'learner: stopped at step 24, saved'
  assert not _state(cast)['finished']


def test_the_next_process_has_everything_bit_for_bit(role, cast):
  first = _make(role, cast, stop_requested=lambda: _step(cast) > 4)
  first.begin()
  _practise(role, 1)
  with pytest.raises(stopping.Stopped):
    first.learn()
  first.stop()
  expected = train_fakes.state_of(cast.agent)
  agent = train_fakes.make_agent(seed=9)
  second = _make(role, cast._replace(agent=agent))
  second.begin()
  train_fakes.assert_same_state(expected, train_fakes.state_of(agent))
  assert role.service.counters.demonstrations == 3  # None was sent again.
  with open(cast.folder.metrics, encoding='utf-8') as file:
    (record,) = map(json.loads, file)
  assert (record['phase'], record['learner_step']) == ('resume', first.step)


def test_a_finished_run_goes_on_with_more_episodes(role, cast):
  first = _make(role, cast)
  first.begin()
  _practise(role, 6)
  first.learn()
  train = dataclasses.replace(cast.train, practice_episodes=7)
  second = _make(role, cast._replace(train=train))
  second.begin()
  role.send(_episode(6))
  second.learn()
  assert _state(cast)['practised'] == 7


def test_a_folder_of_awopt_train_is_refused(role, cast):
  cast.folder.claim(config_lib.operative(), cast.seed)
  checkpoints.CheckpointStore(cast.folder.checkpoints, cast.agent).save(
    7, train_fakes.FakeReplay(), {'practised_episodes': 3}
  )
  with pytest.raises(ValueError, match='was saved by awopt-train; go on with'):
    _make(role, cast).begin()


def test_a_folder_of_another_seed_is_refused(role, cast):
  _make(role, cast).begin()
  with pytest.raises(ValueError, match='--seed: 0 -> 1'):
    _make(role, cast._replace(seed=1)).begin()


def test_a_save_that_fails_is_said_and_tried_again(
  role, cast, capsys, monkeypatch
):
  train = dataclasses.replace(
    cast.train, pretrain_steps=300, checkpoint_every=100
  )
  learner = _make(
    role, cast._replace(train=train), stop_requested=lambda: _step(cast) >= 300
  )
  learner.begin()
  save = learner._replay.save
  tries = itertools.count()

  def fail_at_first(folder):
    if next(tries) == 0:
      raise OSError('no space left on device')
    save(folder)

  monkeypatch.setattr(learner._replay, 'save', fail_at_first)
  with pytest.raises(stopping.Stopped):
    learner.learn()
  assert next(tries) >= 2
  assert 'learner: cannot write the checkpoint' in capsys.readouterr().out
  assert checkpoints.latest(cast.folder.checkpoints).endswith('200')


def test_a_stop_in_a_save_saves_all_the_same(role, cast):
  # The request of the first is carried out meanwhile.
  asked = threading.Event()
  learner = _make(role, cast, stop_requested=asked.is_set)
  learner.begin()
  cast.agent.train_step_counter.assign(9)
  lock = threading.Lock()
  turn = role.service.turn

  def slow_turn():
    with lock:
      return turn()

  role.service.turn = slow_turn
  with lock:
    threading.Timer(0.1, asked.set).start()
    with pytest.raises(stopping.Stopped):
      learner.save()
  assert learner.stop() == 'learner: stopped at step 9, saved'
  assert checkpoints.latest(cast.folder.checkpoints).endswith('9')


def test_a_replay_of_another_run_is_refused(role, cast):
  role.service._run = 'another'
  role.service._post()
  with pytest.raises(ValueError, match='belongs to another run'):
    _make(role, cast)
