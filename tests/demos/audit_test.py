import numpy as np
import pytest

from awopt_agent.demos import audit, mapping, schema
from tests.demos import fakes


def _stored(length=3, seed=0, **kwargs):
  episode = fakes.make_episode(length, seed=seed, **kwargs)
  return schema.StoredEpisode(schema.rows_from_episode(episode), {})


def _audit(**splits):
  found = audit.Audit()
  mapper = mapping.EpisodeMapper(mapping.Mapping())
  for split, episodes in splits.items():
    for index, stored in enumerate(episodes):
      try:
        outcome = mapper(stored, index)
      except schema.BadEpisodeError as error:
        outcome = error
      found.add(split, index, stored, outcome)
  return found


def _spoilt(change):
  """A good episode, one that `change` spoils, and another good one."""
  episodes = [_stored(seed=seed) for seed in range(3)]
  change(episodes[1].steps)
  return _audit(train=episodes)


def test_nothing_is_wrong_in_a_good_set():
  found = _audit(
    train=[_stored(seed=0), _stored(4, seed=1)], test=[_stored(6, seed=2)]
  )
  assert found.findings() == []
  assert not found.spoils_training
  assert str(found).splitlines() == [
    'train: 2 episodes, 9 steps, 7 transitions to learn from, 2 successes',
    'test: 1 episodes, 7 steps, 6 transitions to learn from, 1 successes',
  ]


def _early_end(steps):
  steps['is_last'][1] = True


def _late_start(steps):
  steps['is_first'][:] = [False, True, False, False]


def _early_terminal(steps):
  steps['is_terminal'][0] = True


def _hole(steps):
  steps['observation']['place'][2, 1] = np.nan


def _infinite_reward(steps):
  steps['reward'][0] = np.inf


def _discount(steps):
  steps['discount'][0] = 1.5


def _no_reward(steps):
  del steps['reward']


def _shape(steps):
  steps['observation']['place'] = np.ones((4, 3), np.float32)


def _dtype(steps):
  steps['action']['stop'] = np.array([0, 1, 1, 0], np.int64)


@pytest.mark.parametrize(
  'change, field, problem',
  [
    (_early_end, 'is_last', 'marks a step within the episode'),
    (_late_start, 'is_first', 'marks a step within the episode'),
    (_early_terminal, 'is_terminal', 'marks a step within the episode'),
    (_hole, 'observation/place', 'holds NaN or infinity'),
    (_infinite_reward, 'reward', 'holds NaN or infinity'),
    (_discount, 'discount', 'lies beyond 0 to 1'),
    (_no_reward, '', 'has no reward'),
    (_shape, 'observation/place', 'has float32 [3], unlike float32 [2] before'),
    (_dtype, 'action/stop', 'has int64 [], unlike int32 [] before'),
  ],
)
def test_what_spoils_training_is_an_error_of_its_episode(
  change, field, problem
):
  found = _spoilt(change)
  assert found.spoils_training
  errors = [one for one in found.findings() if one.severity == 'error']
  assert [(e.field, e.problem, e.split, e.episodes) for e in errors] == [
    (field, problem, 'train', [1])
  ]


def _no_end(steps):
  steps['is_last'][:] = False
  steps['is_terminal'][:] = False
  steps['discount'][:] = 1


def _no_flag(steps):
  del steps['is_first']


def _large(steps):
  steps['action']['move'][0] = 1.25


@pytest.mark.parametrize(
  'change, field, problem',
  [
    (_no_end, 'is_last', 'does not mark the last step: a truncation'),
    (_no_flag, 'is_first', 'is missing'),
    (_large, 'action/move', 'lies beyond -1 to 1'),
  ],
)
def test_what_may_be_meant_so_is_a_warning(change, field, problem):
  found = _spoilt(change)
  assert not found.spoils_training
  (warning,) = found.findings()
  assert (warning.severity, warning.field) == ('warning', field)
  assert warning.problem.startswith(problem)
  assert warning.episodes == [1]


def test_a_reward_in_the_last_row_is_a_warning():
  def change(steps):
    steps['reward'][-1] = 1

  (warning,) = _spoilt(change).findings()
  assert warning.problem.startswith('of the last step is ignored')


def test_an_action_in_a_last_row_may_lie_anywhere():
  def change(steps):
    steps['action']['move'][-1] = np.nan

  assert _spoilt(change).findings() == []


def test_an_episode_of_one_step_is_an_error():
  short = schema.StoredEpisode(
    {name: _first_row(part) for name, part in _stored().steps.items()}, {}
  )
  found = _audit(train=[_stored(), short])
  problems = {(e.problem, *e.episodes) for e in found.findings()}
  assert ('has no transition, only one step', 1) in problems


def _first_row(part):
  if isinstance(part, dict):
    return {name: leaf[:1] for name, leaf in part.items()}
  return part[:1]


def test_a_set_without_success_is_an_error():
  found = _audit(train=[_stored(success=False)])
  (error,) = found.findings()
  assert error.problem.startswith('no episode succeeds')
  assert found.spoils_training


def test_a_field_that_never_changes_is_a_warning():
  episodes = [_stored(seed=seed) for seed in range(2)]
  for stored in episodes:
    stored.steps['observation']['place'][:] = [1, 2]
  (warning,) = _audit(train=episodes).findings()
  assert (warning.field, warning.problem) == (
    'observation/place',
    'is the same in all steps',
  )


def test_a_field_that_changes_between_episodes_alone_is_none():
  episodes = [_stored(seed=seed) for seed in range(2)]
  for number, stored in enumerate(episodes):
    stored.steps['observation']['place'][:] = number
  assert _audit(train=episodes).findings() == []


def test_an_episode_twice_in_a_split_is_a_warning():
  (finding,) = _audit(train=[_stored(), _stored(seed=1), _stored()]).findings()
  assert (finding.severity, finding.episodes) == ('warning', [2])
  assert 'twice' in finding.problem


def test_an_episode_in_two_splits_is_an_error():
  found = _audit(
    train=[_stored(), _stored(seed=1)], val=[_stored(seed=1), _stored()]
  )
  (finding,) = found.findings()
  assert (finding.severity, finding.split, finding.episodes) == (
    'error',
    'val',
    [0, 1],
  )
  assert "split 'train' too" in finding.problem


def test_many_episodes_are_named_by_the_first():
  finding = audit.Finding('error', 'reward', 'is odd', 'train', [*range(9)])
  assert str(finding).split() == (
    'error reward is odd: train 0, 1, 2, 3, 4, 5 and 3 more'.split()
  )


def test_a_record_holds_counts_and_findings():
  record = _spoilt(_hole).as_record()
  assert not record['ok']
  assert record['splits']['train']['episodes'] == 3
  assert record['findings'] == [
    {
      'severity': 'error',
      'field': 'observation/place',
      'problem': 'holds NaN or infinity',
      'split': 'train',
      'episodes': [1],
    }
  ]
