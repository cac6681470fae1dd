import pytest

from awopt_agent.trials import commands, planning, rehearsal, running
from tests.trials import fakes

State = planning.State


def _planned(state=State.MISSING, **changes):
  trial = fakes.make_trial(**changes)
  return planning.Planned(trial, fakes.IDENTITY, state)


@pytest.fixture(name='started')
def _started(monkeypatch):
  """Puts a small program in the place of trainings; returns their names."""
  started = []

  def training(trial, folder, d3rlpy):
    started.append(trial.name)
    code = 4 if trial.variant == 'broken' else 0
    return commands.Command('tests.trials.fake_program', [f'--exit={code}'])

  monkeypatch.setattr(commands, 'training', training)
  return started


def test_one_seed_of_each_method_is_tried(started):
  line = rehearsal.rehearse(
    [
      _planned(),
      _planned(seed=1),
      _planned(variant='bc', state=State.DONE),
      _planned(variant='d3rlpy_iql', state=State.LEFT_OUT),
    ],
    cores=running.cores(1),
  )
  assert started == ['bowl/awopt/0', 'bowl/bc/0']
  assert line == 'dry run: 2 methods in their settings: all can begin.'


def test_what_cannot_begin_is_named_with_its_last_line(started):
  with pytest.raises(ValueError, match='bowl/broken/0 cannot begin: in /'):
    rehearsal.rehearse([_planned(variant='broken')], cores=running.cores(1))
