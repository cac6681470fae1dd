"""A run of a peer from its flags to its last line."""

import contextlib
import json
import os

from awopt_agent import statistics
from awopt_agent.demos import demonstrations as demonstrations_lib
from awopt_agent.train import (
  builders,
  metrics,
  phases,
  run_folder,
  stopping,
  threads,
  train_config,
)
from awopt_agent.train import config as config_lib
from awopt_agent.trials import peers
from awopt_agent.trials.peers import config as peer_config
from awopt_agent.trials.peers import loop as peer_loop
from awopt_agent.trials.peers import peer as peer_lib
from awopt_agent.trials.peers import process as process_lib
from awopt_agent.trials.peers import store as store_lib

__all__ = ['train']

_PROGRAM = 'awopt_agent.trials.peers.train'


def train(flags) -> str:
  """Trains a peer, and returns the line that says what it learnt.

  Args:
    flags: Of `awopt_agent.trials.peers.train`.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  threads.use_cores()
  config_lib.load(flags.gin_file, flags.gin_bindings)
  peer_config.follow_awopt()
  argv = process_lib.command(flags.d3rlpy)
  folder = run_folder.RunFolder(flags.root_dir)
  _check_folder(folder)
  config = train_config.TrainConfig()
  _check_config(config)
  demonstrations = demonstrations_lib.DemonstrationReader(
    config.sets,
    success_threshold=config.success_threshold,
    strict=config.strict_demonstrations,
  )
  with contextlib.ExitStack() as stack:
    env = builders.make_vector_env(
      config.num_envs, flags.seed, processes=config.num_parallel_environments
    )
    stack.callback(env.close)
    # Before anything slow: does an episode fit?
    next(demonstrations.read(env.time_step_spec(), env.action_spec()))
    process = process_lib.PeerProcess(
      argv, log=os.path.join(folder.path, 'peer.log')
    )
    stack.callback(process.close)
    peer = peer_lib.Peer(
      flags.peer, process, env, batch_size=config.batch_size, seed=flags.seed
    )
    return _train(flags, config, folder, env, peer, demonstrations)


def _train(flags, config, folder, env, peer, demonstrations) -> str:
  store = store_lib.PeerStore(folder.checkpoints)
  log = metrics.MetricsLog(folder.metrics)
  if store.has_state:
    folder.check_same(config_lib.operative(), flags.seed)
    if done := _finished(store, config, log):
      return done
  else:
    store.begin()
  with open(_whose(folder), 'w', encoding='utf-8') as file:
    json.dump({'peer': flags.peer, 'versions': peer.versions}, file)
  folder.claim(config_lib.operative(), flags.seed)
  trainer = peer_loop.PeerTrainer(
    config,
    peer=peer,
    env=env,
    store=store,
    log=log,
    seed=flags.seed,
    stop_requested=stopping.catch_stop_signals(),
  )
  try:
    if store.has_state:
      _resume(trainer)
    else:
      trainer.read_demonstrations(demonstrations)
    return _run(trainer, folder)
  finally:
    trainer.close()


def _whose(folder: run_folder.RunFolder) -> str:
  """Returns the file that tells a peer's run, and its libraries."""
  return os.path.join(folder.path, peers.LEARNT_BY)


def _check_folder(folder: run_folder.RunFolder) -> None:
  """Keeps others out of the folder, and this run out of another's."""
  folder.check_disk()
  folder.lock()
  if folder.has_run and not os.path.exists(_whose(folder)):
    raise ValueError(
      f"{folder.path} holds a run that is no peer's; choose another --root_dir."
    )


def _check_config(config: train_config.TrainConfig) -> None:
  if config.offline:
    raise ValueError(
      'TrainConfig.offline leaves a peer nothing to be measured in; bind it to '
      'False.'
    )


def _resume(trainer: peer_loop.PeerTrainer) -> None:
  trainer.restore()
  print(
    f'resumed: learner step {trainer.learner_step}, '
    f'{trainer.practised_episodes} episodes of practice',
    flush=True,
  )


def _finished(store, config, log) -> str | None:
  """Returns the last line of a run that has nothing left to do, or None."""
  state = store.state()
  episodes = state['practised_episodes']
  success = log.success_at(state['learner_step']).get('actor')
  if not state['ended'] or episodes < config.practice_episodes or not success:
    return None
  rate = statistics.SuccessRate.from_record(success)
  return (
    f'finished before: success {rate} of {rate.episodes} after {episodes} '
    'episodes of practice; bind a larger TrainConfig.practice_episodes to go '
    'on.'
  )


def _run(trainer: peer_loop.PeerTrainer, folder) -> str:
  try:
    before = trainer.pretrain()
    if before:
      print(f'after pre-training: {phases.describe(before)}', flush=True)
    trainer.practise()
    trainer.save()
    rate = trainer.finish()
  except stopping.Stopped:
    raise SystemExit(
      f'{_PROGRAM}: stopped at learner step {trainer.learner_step}, saved in '
      f'{folder.path}; the same command goes on.'
    ) from None
  return (
    f'learnt: success {rate} of {rate.episodes} after '
    f'{trainer.practised_episodes} episodes of practice; measured in '
    f'{folder.metrics}'
  )
