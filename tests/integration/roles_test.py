"""The roles of a small run, in one process: stopped once, and taken up again.

As programs, and killed: `faults_test.py`.
"""

import threading

import pytest

from awopt_agent.experience.wire import inbox
from awopt_agent.train import checkpoints, stopping
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
_ROLES = {'max_lead_steps': 20, 'publish_every_s': 0.02}


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

  def start(self, *, updater, seed, until=lambda record: False):
    """Runs all roles, to their end or until a condition of the counters.

    Returns:
      The last lines of the learner and of the collector.
    """
    cast = self.context(seed)
    latest = checkpoints.latest(cast.folder.checkpoints)
    saved = checkpoints.replay_folder(latest) if latest else None
    self.role = casts.serve(cast, restore_from=saved)
    reader = self.role.reader()
    stop = threading.Event()
    learning = _Thread(lambda: self._learn(cast, updater, stop.is_set))
    others = [_Thread(lambda: self._collect(seed + 1, stop.is_set))]
    if updater:
      others.append(_Thread(lambda: self._update(seed + 2, stop.is_set)))
    while learning.is_alive() and not stop.wait(0.02):
      if until(reader.read_now()):
        stop.set()
    lines = [thread.result() for thread in (learning, *others)]
    return lines[:2]

  def _learn(self, cast, updater, stop):
    learner = learner_role.LearnerRole(
      cast,
      casts.address(self.role),
      targets_given=updater,
      stop_requested=stop,
    )
    try:
      learner.begin()
      return learner.learn()
    except stopping.Stopped:
      return learner.stop()

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
    try:
      updating.update()
    except stopping.Stopped:
      pass
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
    run = _Run(tmp_path_factory.mktemp('roles'))
    # Targets by an updater, until some practice is in; then its own.
    run.first = run.start(
      updater=True, seed=0, until=lambda record: record['episodes'] >= 4
    )
    run.first_state = run.state()
    run.first_report = reports.read_all(str(run.root))
    run.first_counters = run.role.reader().read_now()
    run.role.close()
    run.second = run.start(updater=False, seed=10)
    run.counters = run.role.reader().read_now()
    run.steps = run.role.steps()
    run.role.close()
    return run


def test_a_stopped_run_saves_and_says_so(run):
  learner, collecting = run.first
  assert learner.startswith('learner: stopped at step ')
  assert learner.endswith(', saved')
  assert collecting.endswith(' episodes of practice')
  assert not run.first_state['finished']
  assert run.first_state['practised'] >= 1


def test_the_learner_learned_from_an_updaters_targets(run):
  assert run.batches > 0
  report = run.first_report['learner']
  assert report['count'] >= 5
  assert 0 <= report['target_age'] <= report['target_age_max'] <= 400
  assert report['targets_dropped'] == 0


def test_the_run_goes_on_to_its_end(run):
  learner, collecting = run.second
  assert learner.startswith('learner: finished at step ')
  assert collecting.endswith(' episodes of practice')
  assert run.state()['finished']
  assert run.counters['episodes'] >= 12
  assert run.state()['practised'] >= 12


def test_each_demonstration_and_each_episode_is_stored_whole_and_once(run):
  lengths = {}
  for _, identity, step in run.steps:
    lengths.setdefault(identity, []).append(step)
  assert all(steps == list(range(len(steps))) for steps in lengths.values())
  practised = range(run.counters['episodes'])
  assert sorted(lengths) == [
    *(inbox.episode_id(0, number) for number in range(_DEMONSTRATIONS)),
    *(inbox.episode_id(1, number) for number in practised),
  ]
  steps = sum(len(lengths[inbox.episode_id(1, n)]) for n in practised)
  assert steps == run.counters['steps']


def test_learner_and_practice_keep_their_ratio(run):
  # Half a step for each environment step after pre-training, and a lead of
  # ten of those, in either direction.
  step = int(run.second[0].split('step ')[1].split(',')[0])
  due = 5 + run.counters['steps'] / 2
  assert due - 1 <= step <= due + 10 + 100
