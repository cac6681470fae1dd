import contextlib
import json
import time

import pytest

from awopt_agent.train import metrics, stopping, train_config
from awopt_agent.trials.peers import loop as peer_loop
from awopt_agent.trials.peers import store as store_lib
from awopt_agent.trials.peers.worker import wire
from tests.envs import fakes as env_fakes
from tests.train import fakes as train_fakes
from tests.trials.peers import fakes


def _config(**changes):
  return train_config.TrainConfig(
    **{
      'demonstrations': 'unused',
      'pretrain_steps': 250,
      'practice_episodes': 12,
      'batch_size': 8,
      'num_envs': 2,
      'round_steps': 8,
      'replay_ratio': 0.5,
      'eval_every': 6,
      'eval_episodes': 2,
      'final_eval_episodes': 3,
      'checkpoint_every': 1000,
      **changes,
    }
  )


@contextlib.contextmanager
def _start(root, *, stop=lambda: False, **changes):
  """Yields a trainer of the nearest peer, begun or resumed."""
  env = env_fakes.make_vector_env(2)
  store = store_lib.PeerStore(str(root / 'peer'))
  with fakes.start_peer(env, root) as peer:
    trainer = peer_loop.PeerTrainer(
      _config(**changes),
      peer=peer,
      env=env,
      store=store,
      log=metrics.MetricsLog(str(root / 'metrics.jsonl')),
      seed=0,
      stop_requested=stop,
    )
    if store.has_state:
      trainer.restore()
    else:
      store.begin()
      demonstrations = [train_fakes.make_demonstration() for _ in range(3)]
      assert trainer.add_demonstrations(iter(demonstrations), total=3) == (3, 3)
    try:
      yield trainer
    finally:
      trainer.close()


def _records(root):
  with (root / 'metrics.jsonl').open() as file:
    return [json.loads(line) for line in file]


def _episodes(root):
  with (root / 'peer' / 'episodes').open('rb') as file:
    return list(iter(lambda: wire.read(file), None))


@pytest.fixture(name='whole', scope='module')
def _whole(tmp_path_factory):
  """A run from the demonstrations to the end: its folder and its trainer."""
  root = tmp_path_factory.mktemp('whole')
  with _start(root) as trainer:
    trainer.pretrain()
    trainer.practise()
    trainer.save()
    trainer.finish()
  return root, trainer


def test_the_phases_are_those_of_awopts_runs(whole):
  root, trainer = whole
  records = _records(root)
  assert [record['phase'] for record in records] == [
    'pretrain',
    'practice',
    'end',
  ]
  assert [record['success']['actor']['n'] for record in records] == [3, 2, 3]
  assert records[0]['learner_step'] == 250
  assert 12 <= trainer.practised_episodes < 12 + 4
  # Half a learner step for each of the environments' steps.
  assert trainer.learner_step == 250 + trainer.practised_steps / 2


def test_a_move_that_was_shown_succeeds(whole):
  # All demonstrations move by .5, and a move above 0 succeeds.
  assert _records(whole[0])[-1]['success']['actor']['rate'] == 1


def test_every_episode_is_kept_beside_the_demonstrations(whole):
  root, trainer = whole
  kinds = [episode['demonstration'] for episode in _episodes(root)]
  assert kinds == 3 * [True] + trainer.practised_episodes * [False]


def test_practice_explores_and_evaluation_does_not(whole):
  moves = {
    float(move)
    for episode in _episodes(whole[0])[3:]
    for move in episode['actions'][:-1, 0]
  }
  assert len(moves) > 3


def test_kept_episodes_end_as_the_environments_do(whole):
  for episode in _episodes(whole[0])[3:]:
    number = round(100 * float(episode['observations'][0, 0]))
    assert len(episode['rewards']) == 2 + number % 3 + 1
    assert episode['terminal']
    moved = episode['actions'][-2, 0] > 0
    assert episode['rewards'][:-1].tolist() == [
      *(len(episode['rewards']) - 2) * [0.0],
      float(moved),
    ]


def test_nothing_is_practised_while_the_peer_learns(tmp_path):
  learning, during = [], []
  with _start(tmp_path, pretrain_steps=0, practice_episodes=4) as trainer:
    learn, act = trainer._peer.learn, trainer._peer.act

    def slowly(steps):
      learning.append(steps)
      time.sleep(0.05)
      return learn(learning.pop())

    def noted(step, **kwargs):
      during.append(bool(learning))
      return act(step, **kwargs)

    trainer._peer.learn, trainer._peer.act = slowly, noted
    trainer.practise()
  assert len(during) >= 4
  assert not any(during)


def test_a_stop_saves_and_the_run_goes_on(tmp_path):
  with _start(tmp_path, stop=lambda: True) as trainer:
    with pytest.raises(stopping.Stopped):
      trainer.pretrain()
    assert trainer.learner_step == 200
  with _start(tmp_path) as trainer:
    assert trainer.learner_step == 200
    trainer.pretrain()
    assert trainer.learner_step == 250
  assert [r['phase'] for r in _records(tmp_path)] == ['resume', 'pretrain']


def test_more_episodes_extend_an_ended_run(whole):
  root, before = whole
  assert store_lib.PeerStore(str(root / 'peer')).state()['ended']
  done = before.practised_episodes
  with _start(root, practice_episodes=done + 3) as trainer:
    assert trainer.pretrain() is None
    trainer.practise()
    trainer.save()
    assert not store_lib.PeerStore(str(root / 'peer')).state()['ended']
  assert trainer.practised_episodes >= done + 3
