import pytest

from awopt_agent.experience.wire import weights
from awopt_agent.train import checkpoints, stopping
from awopt_agent.train.roles import context as context_lib
from awopt_agent.train.roles import learner_role
from tests.train import fakes as train_fakes
from tests.train.roles import casts


class Demonstrations:
  """Three good episodes, in the form of a `DemonstrationReader`."""

  total = 3

  def read(self, time_step_spec, action_spec, on_refused=None):
    del time_step_spec, action_spec, on_refused
    return iter([train_fakes.make_demonstration() for _ in range(3)])

  def report(self):
    return ''


@pytest.fixture(autouse=True)
def _demonstrations(monkeypatch):
  monkeypatch.setattr(
    context_lib, 'make_demonstrations', lambda train: Demonstrations()
  )


@pytest.fixture(name='run')
def _run(tmp_path):
  """A run's folder with a replay role, and learners that come and go."""
  run = Run(tmp_path)
  yield run
  run.role.close()


class Run:
  """A run of which the learner is under test.

  Attributes:
    cast: The context of the replay role.
    role: The replay role.
  """

  def __init__(self, root):
    self.root = root
    self.cast = casts.make_context(root)
    self.role = casts.serve(self.cast)

  def learner(self, *, stop=lambda: False, **changes):
    """Returns a learner of a new process, with fresh weights."""
    cast = casts.make_context(
      self.root, agent=train_fakes.make_agent(seed=3), **changes
    )
    return learner_role.LearnerRole(
      cast, casts.address(self.role), stop_requested=stop
    )

  def practise(self, episodes, steps):
    """Counts practice, as if collectors had delivered it."""
    counters = self.role.service.counters
    counters.episodes, counters.steps = episodes, steps
    self.role.service._changed = True

  def latest(self):
    return checkpoints.latest(self.cast.folder.checkpoints)


def test_begins_with_the_demonstrations_and_a_checkpoint(run):
  learner = run.learner()
  learner.begin()
  assert run.role.reader().read_now()['demonstrations'] == 3
  assert run.latest().endswith('0000000000')


def test_learns_to_the_end_and_says_so(run):
  learner = run.learner()
  learner.begin()
  run.practise(6, 20)
  line = learner.learn()
  # 4 steps of pre-training, and half a step for each of 20 steps.
  assert line == 'learner: finished at step 14, 6 episodes of practice'
  state = checkpoints.read_state(run.latest())
  assert state == {'practised': 6, 'practised_steps': 20, 'finished': True}
  seen = weights.Subscriber(
    run.role.connect(), weights.ACTING, run.cast.agent.acting_variables
  )
  assert seen.pull()
  assert seen.finished
  assert run.cast.agent.train_step_counter.numpy() == 14


def test_the_next_process_has_the_weights_bit_for_bit(run):
  first = run.learner()
  first.begin()
  first._learner.run(5)
  first.save()
  second = run.learner()
  second.begin()
  assert second.step == 5
  train_fakes.assert_same_state(
    train_fakes.state_of(first._agent), train_fakes.state_of(second._agent)
  )
  assert run.role.reader().read_now()['demonstrations'] == 3


def test_a_stop_saves(run):
  asked = []
  learner = run.learner(stop=lambda: bool(asked), pretrain_steps=10_000)
  learner.begin()
  asked.append(True)
  with pytest.raises(stopping.Stopped):
    learner.learn()
  line = learner.stop()
  assert line == f'learner: stopped at step {learner.step}, saved'
  assert int(run.latest()[-10:]) == learner.step


def test_a_stop_before_it_began_saves_nothing(run):
  assert run.learner().stop() == 'learner: stopped before it began'
  assert run.latest() is None


def test_refuses_the_folder_of_another_configuration(run):
  run.learner().begin()
  run.cast.folder._write(run.cast.folder._config, 'other.size = 1\n')
  with pytest.raises(ValueError, match='other configuration|another config'):
    run.learner().begin()


def test_refuses_a_checkpoint_of_awopt_train(run):
  run.cast.folder.claim('', 0)
  agent = train_fakes.make_agent()
  checkpoints.CheckpointStore(run.cast.folder.checkpoints, agent).save(
    3, train_fakes.FakeReplay(), {'practised_episodes': 1}
  )
  with pytest.raises(ValueError, match='was saved by awopt-train'):
    run.learner().begin()


def test_waits_for_practice_no_longer_than_allowed(run):
  learner = run.learner()
  learner.begin()
  learner._wait_for_practice()  # A moment, and it goes on.
  learner._moved_at -= 21  # The limit is 20 seconds.
  with pytest.raises(TimeoutError, match='for practice beyond 0 steps'):
    learner._wait_for_practice()


def test_a_checkpoint_that_fails_does_not_end_learning(run, capsys):
  learner = run.learner()
  learner.begin()
  (run.root / 'checkpoints').rename(run.root / 'moved')
  (run.root / 'checkpoints').write_text('no folder')
  learner._try_to_save()
  assert 'learner: cannot write the checkpoint' in capsys.readouterr().out
