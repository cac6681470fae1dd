import contextlib
import json
import os
import shutil

import numpy as np
import pytest

from awopt_agent.experience import replay as replay_lib
from awopt_agent.experience import tables
from awopt_agent.train import (
  checkpoints,
  loop,
  metrics,
  phases,
  stopping,
  train_config,
)
from tests.envs import fakes as env_fakes
from tests.train import fakes

_KINDS = {'actor', 'cem', 'cem_with_candidate'}


def _config(**changes):
  return train_config.TrainConfig(
    **{
      'demonstrations': 'unused',
      'pretrain_steps': 10,
      'practice_episodes': 12,
      'batch_size': 8,
      'num_envs': 2,
      'round_steps': 8,
      'replay_ratio': 0.5,
      'eval_every': 6,
      'eval_episodes': 2,
      'final_eval_episodes': 3,
      'checkpoint_every': 1000,
      'summary_every': 5,
      **changes,
    }
  )


class Parts:
  """A trainer and what it was made of.

  Attributes:
    agent, env, replay, store, trainer: The parts.
  """


@contextlib.contextmanager
def _start(
  root, *, resume=False, stop=lambda: False, env=None, agent=None, **changes
):
  """Builds what awopt-train builds, on the small task."""
  parts = Parts()
  parts.agent = agent or fakes.make_agent()
  parts.env = env or env_fakes.make_vector_env(2)
  parts.store = checkpoints.CheckpointStore(
    str(root / 'checkpoints'), parts.agent
  )
  latest = parts.store.latest()
  assert bool(latest) == resume
  parts.replay = replay_lib.Replay(
    parts.agent.training_data_spec,
    tables.ReplayConfig(),
    steps_per_item=parts.agent.train_sequence_length,
    scratch=str(root / 'replay'),
    restore_from=checkpoints.replay_folder(latest) if latest else None,
  )
  parts.trainer = loop.Trainer(
    _config(**changes),
    agent=parts.agent,
    env=parts.env,
    replay=parts.replay,
    store=parts.store,
    log=metrics.MetricsLog(str(root / 'metrics.jsonl')),
    root_dir=str(root),
    seed=0,
    stop_requested=stop,
  )
  try:
    if latest:
      parts.trainer.restore(latest)
    else:
      demonstrations = [fakes.make_demonstration() for _ in range(3)]
      added = parts.trainer.add_demonstrations(iter(demonstrations), total=3)
      assert added == (3, 3)
    yield parts
  finally:
    parts.trainer.close()
    parts.replay.close()


def _records(root):
  with (root / 'metrics.jsonl').open() as file:
    return [json.loads(line) for line in file]


def _phases(root):
  return [record['phase'] for record in _records(root)]


def _after(rounds):
  """Returns a request to stop that comes after a number of rounds."""
  left = iter([False] * (rounds - 1))
  return lambda: next(left, True)


@pytest.fixture(name='whole', scope='module')
def _whole(tmp_path_factory):
  """A run from the demonstrations to the end."""
  root = tmp_path_factory.mktemp('whole')
  with _start(root) as parts:
    parts.before = parts.trainer.pretrain()
    parts.steps_before = parts.trainer.learner_step
    parts.trainer.practise()
    parts.after = parts.trainer.evaluate('end', 4)
    parts.trainer.save()
    parts.root = root
    parts.sizes = parts.replay.sizes()
  # Its replay is closed: a restart may have the folder.
  return parts


def test_pre_training_takes_its_steps_and_measures_each_policy(whole):
  assert whole.steps_before == 10
  assert whole.before.keys() == _KINDS
  assert {rate.episodes for rate in whole.before.values()} == {3}


def test_practice_ends_with_the_round_that_has_the_episodes(whole):
  # A round of 8 steps of two environments, whose episodes last 2 to 4 steps,
  # holds at most 4 episodes.
  assert 12 <= whole.trainer.practised_episodes < 12 + 4


def test_learner_and_practice_keep_their_ratio(whole):
  steps = whole.trainer.learner_step - whole.steps_before
  assert steps == 0.5 * whole.trainer.practised_steps


def test_all_that_was_practised_is_in_the_replay(whole):
  assert whole.sizes['success'] >= 3 * 2
  # No episode is shorter than two transitions.
  assert sum(whole.sizes.values()) >= 2 * (3 + whole.trainer.practised_episodes)


def test_the_record_has_every_evaluation_in_order(whole):
  records = _records(whole.root)
  assert [record['phase'] for record in records] == [
    'pretrain',
    'practice',
    'end',
  ]
  steps = [record['learner_step'] for record in records]
  assert steps == sorted(steps)
  assert steps[0] == 10
  for record, episodes in zip(records, (3, 2, 4), strict=True):
    assert record['success'].keys() == _KINDS
    assert {rate['n'] for rate in record['success'].values()} == {episodes}


def test_summaries_for_tensorboard_are_written(whole):
  assert list((whole.root / 'tb').rglob('events.out.tfevents*'))


def test_a_restart_has_everything_bit_for_bit(whole):
  expected = fakes.state_of(whole.agent)
  agent = fakes.make_agent(seed=5)
  with _start(whole.root, resume=True, agent=agent) as parts:
    fakes.assert_same_state(expected, fakes.state_of(parts.agent))
    trainer = parts.trainer
    assert trainer.learner_step == whole.trainer.learner_step
    assert trainer.practised_episodes == whole.trainer.practised_episodes
    assert trainer.practised_steps == whole.trainer.practised_steps
    assert (
      trainer._episode_ids.following == whole.trainer._episode_ids.following
    )
    assert parts.replay.sizes() == whole.sizes
    assert trainer.pretrain() is None
    steps = trainer.learner_step
    trainer.practise()  # Nothing is left to do.
    assert trainer.learner_step == steps


def test_a_restart_passes_over_a_damaged_checkpoint(whole, tmp_path):
  shutil.copytree(whole.root / 'checkpoints', tmp_path / 'checkpoints')
  *_, older, newest = sorted((tmp_path / 'checkpoints').iterdir())
  os.truncate(newest / 'replay' / 'chunks.tfrecord', 500)
  assert int(older.name) == 10
  with _start(tmp_path, resume=True) as parts:
    assert parts.trainer.learner_step == 10
    # The demonstrations alone: all of this set is of one moment.
    assert parts.trainer.practised_episodes == 0
    assert parts.replay.sizes() == {'success': 3 * 2, 'failure': 0}
    assert parts.trainer.pretrain() is None


def test_a_restart_goes_on_with_new_episodes(whole):
  begun = [one['episodes_begun'] for one in whole.env.get_state()]
  with _start(whole.root, resume=True) as parts:
    now = [one['episodes_begun'] for one in parts.env.get_state()]
  assert all(new >= old for new, old in zip(now, begun, strict=True))


def test_more_episodes_extend_a_finished_run(whole):
  done = whole.trainer.practised_episodes
  with _start(whole.root, resume=True, practice_episodes=done + 3) as parts:
    parts.trainer.practise()
    assert done + 3 <= parts.trainer.practised_episodes < done + 3 + 4
    assert sum(parts.replay.sizes().values()) > sum(whole.sizes.values())


def test_evaluation_never_changes_what_is_learnt(whole):
  with _start(whole.root, resume=True) as parts:
    before = fakes.state_of(parts.agent)
    parts.trainer.evaluate('end', 2)
    fakes.assert_same_state(before, fakes.state_of(parts.agent))
    assert parts.replay.sizes() == whole.sizes


def test_a_stop_in_pre_training_loses_no_step_and_no_evaluation(
  tmp_path, capsys
):
  with _start(tmp_path, stop=_after(1), pretrain_steps=250) as parts:
    with pytest.raises(stopping.Stopped):
      parts.trainer.pretrain()
    expected = fakes.state_of(parts.agent)
  with _start(tmp_path, resume=True, pretrain_steps=250) as parts:
    fakes.assert_same_state(expected, fakes.state_of(parts.agent))
    assert parts.trainer.learner_step == 200
    assert parts.trainer.pretrain().keys() == _KINDS
    assert parts.trainer.learner_step == 250
  assert _phases(tmp_path) == ['resume', 'pretrain']


def test_a_stop_at_the_end_of_pre_training_keeps_its_evaluation(tmp_path):
  with _start(tmp_path, stop=_after(1)) as parts:
    with pytest.raises(stopping.Stopped):
      parts.trainer.pretrain()
    assert parts.trainer.learner_step == 10
  with _start(tmp_path, resume=True) as parts:
    assert parts.trainer.pretrain().keys() == _KINDS
    assert parts.trainer.learner_step == 10
  assert _phases(tmp_path) == ['resume', 'pretrain']


def test_a_kill_in_the_evaluation_loses_no_pre_training(tmp_path):
  with _start(tmp_path) as parts:
    parts.trainer.evaluate = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
      parts.trainer.pretrain()
  with _start(tmp_path, resume=True) as parts:
    assert parts.trainer.learner_step == 10


def test_a_stop_in_practice_saves_and_the_run_goes_on(tmp_path):
  practising = []
  stop = lambda: practising and practising[0].practised_steps >= 16  # noqa: E731
  with _start(tmp_path, stop=stop) as parts:
    parts.trainer.pretrain()
    practising.append(parts.trainer)
    with pytest.raises(stopping.Stopped):
      parts.trainer.practise()
    episodes, sizes = parts.trainer.practised_episodes, parts.replay.sizes()
    assert 0 < episodes < 12
    assert parts.trainer.practised_steps == 16  # Two rounds.
  with _start(tmp_path, resume=True) as parts:
    assert parts.trainer.practised_episodes == episodes
    assert parts.replay.sizes() == sizes
    assert parts.trainer.pretrain() is None
    parts.trainer.practise()
    assert parts.trainer.practised_episodes >= 12


def test_checkpoints_come_at_their_interval(tmp_path):
  # Nothing is evaluated: that would compile three policies.
  with _start(
    tmp_path, checkpoint_every=4, pretrain_steps=10, practice_episodes=5
  ) as parts:
    parts.trainer.evaluate = lambda *_: {}
    parts.trainer.pretrain()  # One round of ten steps, and one at its end.
    saved = []
    parts.trainer._save_trigger._fn = lambda: saved.append(
      parts.trainer.learner_step
    )
    parts.trainer.practise()
  assert np.diff([10, *saved]).tolist() == [4] * len(saved)
  assert saved


def test_without_pre_training_the_start_is_measured(tmp_path):
  with _start(tmp_path, pretrain_steps=0) as parts:
    assert parts.trainer.pretrain().keys() == _KINDS
    assert parts.trainer.learner_step == 0


def test_numbers_that_blow_up_end_the_run_and_are_not_saved(tmp_path):
  with _start(tmp_path) as parts:
    parts.agent.critic_learner.critic.variables[0].assign_add(
      parts.agent.critic_learner.critic.variables[0] * np.nan
    )
    with pytest.raises(ValueError, match='critic_loss became NaN') as raised:
      parts.trainer.pretrain()
    assert len(str(raised.value).splitlines()) == 1
    assert parts.store.latest() is None


class _DyingEnv(env_fakes.EvenEnv):
  def _step(self, action):
    if self.get_state()['seed'] < 100 and self.episode == 2:
      raise ChildProcessError('the environment process has died')
    return super()._step(action)


def test_an_environment_that_dies_in_practice_ends_the_run(tmp_path):
  env = loop.vector_env.VectorEnv([_DyingEnv(0), _DyingEnv(1)])
  with _start(tmp_path, env=env) as parts:
    parts.trainer.pretrain()
    with pytest.raises(ChildProcessError):
      parts.trainer.practise()
    assert parts.store.latest()


def test_the_headline_alone_is_evaluated_where_that_is_asked_for(tmp_path):
  with _start(tmp_path, eval_headline_only=True, practice_episodes=1) as parts:
    rates = parts.trainer.pretrain()
    assert rates.keys() == {'actor'}
    assert phases.headline_rate(rates, 'cem_with_candidate') is rates['actor']
    parts.trainer.practise()
    assert parts.trainer.evaluate('end', 2).keys() == {'cem_with_candidate'}
