import pytest

from awopt_agent.trials import identity, planning, records, trial_folder
from tests.trials import fakes

State = planning.State


@pytest.fixture(name='state')
def _state(tmp_path):
  """Tells how far a trial is."""

  def state(trial=None, **kwargs):
    (one,) = planning.plan(
      [trial or fakes.make_trial()],
      root_dir=str(tmp_path),
      records_dir=str(tmp_path / 'records'),
      **kwargs,
    )
    return one.state

  return state


def _write(tmp_path, trial, **changes):
  found = identity.of(trial)
  record = fakes.make_record(
    grid=trial.grid, variant=trial.variant, **{**vars(found), **changes}
  )
  records.write(record, str(tmp_path / 'records'))


def test_a_trial_without_a_record_and_a_folder_is_missing(state):
  assert state() is State.MISSING


def test_a_trial_with_its_record_is_done(state, tmp_path):
  _write(tmp_path, fakes.make_trial())
  assert state() is State.DONE
  assert state(fakes.make_trial(seed=1)) is State.MISSING


@pytest.mark.parametrize('name', ['sources', 'settings'])
def test_a_record_of_others_is_stale(state, tmp_path, name):
  _write(tmp_path, fakes.make_trial(), **{name: 'other'})
  assert state() is State.STALE


def test_a_folder_tells_whether_a_trial_was_begun(state, tmp_path):
  trial = fakes.make_trial()
  folder = trial_folder.TrialFolder(str(tmp_path), trial.name)
  folder.begin(identity.of(trial), '')
  assert state() is State.BEGUN


def test_a_folder_of_others_is_stale(state, tmp_path):
  folder = trial_folder.TrialFolder(str(tmp_path), fakes.make_trial().name)
  folder.begin(fakes.IDENTITY, '')
  assert state() is State.STALE


def test_peers_are_left_out_unless_they_can_be_run_or_are_done(state, tmp_path):
  peer = fakes.make_trial(variant='d3rlpy_awac')
  assert state(peer) is State.LEFT_OUT
  assert state(peer, has_peers=True) is State.MISSING
  _write(tmp_path, peer)
  assert state(peer) is State.DONE


def test_methods_are_described_by_their_seeds():
  trials = [fakes.make_trial(seed=seed) for seed in range(3)]
  other = fakes.make_trial(variant='d3rlpy_awac')
  states = [State.DONE, State.DONE, State.BEGUN, State.LEFT_OUT]
  planned = [
    planning.Planned(trial, fakes.IDENTITY, state)
    for trial, state in zip([*trials, other], states, strict=True)
  ]
  assert planning.describe(planned).splitlines() == [
    'bowl/awopt: seeds done 0 1, begun 2',
    'bowl/d3rlpy_awac: seeds left out 0',
    '4 trials: 2 done, 1 begun, 1 left out',
  ]
