"""The roles of a small run, in one process; killed programs: faults_test."""

import threading
from typing import NamedTuple

import pytest

from awopt_agent.experience.wire import inbox
from awopt_agent.train import checkpoints
from awopt_agent.train.roles import (
  bellman_updater,
  collector,
  learner_role,
  reports,
)
from tests.train import fakes as train_fakes
from tests.train.roles import casts

_DEMONSTRATIONS = 3
_CHANGES = {'practice_episodes': 12, 'pretrain_steps': 5}
# Short, so that either waits for the other now and then.
_ROLES = {
  'max_lead_steps': 20,
  'publish_every_s': 0.02,
  'wait_limit_s': 100.0,
}


class _Demonstrations:
  total = _DEMONSTRATIONS

  def read(self, time_step_spec, action_spec, *, on_refused):
    del time_step_spec, action_spec, on_refused
    for number in range(self.total):
      yield train_fakes.make_demonstration(move=0.1 * number)

  def report(self):
    return ''


class _Thread(threading.Thread):
  """Keeps what a function returned, or raised."""

  def __init__(self, function):
    super().__init__(daemon=True)
    self._function = function
    self._result = self._error = None
    self.start()

  def run(self):
    try:
      self._result = self._function()
    except BaseException as error:
      self._error = error

  def result(self):
    self.join(120)
    assert not self.is_alive(), 'it hangs'
    if self._error is not None:
      raise self._error
    return self._result


class _Start(NamedTuple):
  """What came of a start of all roles.

  Attributes:
    learner: Its last line.
    collector: Its last line.
    counters: Of the replay.
    steps: What the replay holds.
  """

  learner: str
  collector: str
  counters: dict
  steps: list


class _Run:
  """A run in a folder; each start of it has roles of new processes.

  Attributes:
    root: Folder of the run.
    role: The replay role.
    batches: Those that the updater wrote.
  """

  def __init__(self, root):
    self.root = root
    self.role = None
    self.batches = 0

  def context(self, seed):
    agent = train_fakes.make_agent(seed=seed)
    return casts.make_context(self.root, agent=agent, roles=_ROLES, **_CHANGES)

  def start(self, *, updater, seed):
    """Runs all roles to their end.

    Returns:
      The last lines of the learner and of the collector.
    """
    cast = self.context(seed)
    latest = checkpoints.latest(cast.folder.checkpoints)
    saved = checkpoints.replay_folder(latest) if latest else None
    self.role = casts.serve(cast, restore_from=saved)
    failed = threading.Event()
    threads = [
      _Thread(lambda: self._learn(cast, updater)),
      _Thread(lambda: self._collect(seed + 1, failed.is_set)),
    ]
    if updater:
      threads.append(_Thread(lambda: self._update(seed + 2, failed.is_set)))
    try:
      lines = [thread.result() for thread in threads]
    except BaseException:
      failed.set()  # The others would wait for the one that is gone.
      raise
    counters, steps = self.role.reader().read_now(), self.role.steps()
    self.role.close()
    return _Start(*lines[:2], counters, steps)

  def _learn(self, cast, updater):
    learner = learner_role.LearnerRole(
      cast, casts.address(self.role), targets_given=updater
    )
    learner.begin()
    return learner.learn()

  def _collect(self, seed, stop):
    collecting = collector.Collector(
      self.context(seed), casts.flags(self.role), stop_requested=stop
    )
    try:
      return collecting.collect()
    finally:
      collecting.close()

  def _update(self, seed, stop):
    updating = bellman_updater.BellmanUpdater(
      self.context(seed), casts.address(self.role), stop_requested=stop
    )
    updating.update()
    self.batches = updating.batches

  def state(self):
    folder = self.context(0).folder
    return checkpoints.read_state(checkpoints.latest(folder.checkpoints))


@pytest.fixture(name='run', scope='module')
def _run(tmp_path_factory):
  with pytest.MonkeyPatch.context() as patch:
    casts.use_even_env(patch, collector)
    patch.setattr(
      learner_role.context_lib,
      'make_demonstrations',
      lambda train: _Demonstrations(),
    )
    # Gin's record is the process's: what the other threads have built by the
    # time of a start would be taken for another configuration.
    patch.setattr(learner_role.config_lib, 'operative', lambda: 'the same')
    run = _Run(tmp_path_factory.mktemp('roles'))
    run.first = run.start(updater=True, seed=0)
    run.report = reports.read_all(str(run.root))['learner']
    # By new processes: the replay from its checkpoint, and nothing to do.
    run.second = run.start(updater=False, seed=10)
    return run


def test_the_run_comes_to_its_end(run):
  assert run.first.learner.startswith('learner: finished at step ')
  assert run.first.collector.endswith(' episodes of practice')
  assert run.first.counters['episodes'] >= 12
  assert run.first.counters['demonstrations'] == _DEMONSTRATIONS
  state = run.state()
  assert state['finished']
  assert state['practised'] >= 12


def test_the_learner_learned_from_an_updaters_targets(run):
  assert run.batches > 0
  assert run.report['count'] >= 5
  assert 0 <= run.report['target_age'] <= run.report['target_age_max'] <= 400
  assert run.report['targets_dropped'] == 0


def test_each_demonstration_and_each_episode_is_stored_whole_and_once(run):
  lengths = {}
  for _, identity, step in run.first.steps:
    lengths.setdefault(identity, []).append(step)
  assert all(steps == list(range(len(steps))) for steps in lengths.values())
  practised = range(run.first.counters['episodes'])
  assert sorted(lengths) == [
    *(inbox.episode_id(0, number) for number in range(_DEMONSTRATIONS)),
    *(inbox.episode_id(1, number) for number in practised),
  ]
  steps = sum(len(lengths[inbox.episode_id(1, n)]) for n in practised)
  assert steps == run.first.counters['steps']


def test_learner_and_practice_keep_their_ratio(run):
  # Half a step for each environment step after the five of pre-training. The
  # learner may lead by ten; practice by 20 steps, a round of 20, and what was
  # on the way when the counters were read.
  step = int(run.first.learner.split('step ')[1].split(',')[0])
  due = 5 + round(run.first.counters['steps'] / 2)
  assert due - 1 <= step <= due + 10


def test_the_next_processes_find_all_as_it_was(run):
  assert run.second.learner == run.first.learner
  assert run.second.collector == 'collector: 0 episodes of practice'
  assert run.second.steps == run.first.steps
  for name in ('episodes', 'steps', 'demonstrations', 'received'):
    assert run.second.counters[name] == run.first.counters[name]
