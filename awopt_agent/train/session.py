"""A run of awopt-train from its flags to its last line."""

import contextlib
import functools
import os

from awopt_agent import agent as agent_lib
from awopt_agent import statistics
from awopt_agent.demos import demonstrations as demonstrations_lib
from awopt_agent.experience import replay as replay_lib
from awopt_agent.experience import tables
from awopt_agent.serving import export as export_lib
from awopt_agent.train import (
  builders,
  checkpoints,
  loop,
  metrics,
  offline,
  phases,
  run_folder,
  stopping,
  threads,
  train_config,
)
from awopt_agent.train import config as config_lib

__all__ = ['train']


def train(flags) -> str:
  """Trains, and returns the line that says what was learnt.

  Args:
    flags: Of awopt-train.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  threads.use_cores()
  config_lib.load(flags.gin_file, flags.gin_bindings)
  folder = run_folder.RunFolder(flags.root_dir)
  folder.check_disk()
  if not flags.dry_run:
    folder.lock()
  config = train_config.TrainConfig()
  # Before anything slow: is there data at all?
  demonstrations = demonstrations_lib.DemonstrationReader(
    config.sets,
    success_threshold=config.success_threshold,
    strict=config.strict_demonstrations,
  )
  env = _make_env(config, demonstrations, flags.seed)
  try:
    return _train(flags, config, folder, env, demonstrations)
  finally:
    env.close()


def _make_env(config, demonstrations, seed: int):
  if config.offline:
    return offline.OfflineEnv(*demonstrations.specs())
  return builders.make_vector_env(
    config.num_envs, seed, processes=config.num_parallel_environments
  )


def _check_fit(demonstrations, env, *, whole: bool) -> int:
  """Reads one episode, or all; returns how many fit the environment."""
  fitting = demonstrations.read(env.time_step_spec(), env.action_spec())
  next(fitting)
  return 1 + (sum(1 for _ in fitting) if whole else 0)


def _train(flags, config, folder, env, demonstrations) -> str:
  agent = builders.make_agent(env, flags.seed)
  replay_config = tables.ReplayConfig()
  store = checkpoints.CheckpointStore(
    folder.checkpoints, agent, config=checkpoints.CheckpointConfig()
  )
  if not flags.dry_run:
    store.recover()
  latest = store.latest()
  # A strict run begins only where every episode is good.
  whole = flags.dry_run or (config.strict_demonstrations and not latest)
  fitting = _check_fit(demonstrations, env, whole=whole)
  # Before its first checkpoint a folder holds nothing that could be mixed up.
  if latest:
    folder.check_same(config_lib.operative(), flags.seed)
  if flags.dry_run:
    return _describe_dry_run(fitting, demonstrations, folder, latest)
  log = metrics.MetricsLog(folder.metrics)
  done = latest and _finished(latest, config, folder, log, agent.headline)
  if done:
    return done
  folder.claim(config_lib.operative(), flags.seed)
  replay = replay_lib.Replay(
    agent.training_data_spec,
    replay_config,
    steps_per_item=agent.train_sequence_length,
    scratch=folder.replay,
    restore_from=checkpoints.replay_folder(latest) if latest else None,
  )
  print(replay.exposure, flush=True)
  with contextlib.ExitStack() as stack:
    stack.callback(replay.close)
    trainer = loop.Trainer(
      config,
      agent=agent,
      env=env,
      replay=replay,
      store=store,
      log=log,
      root_dir=folder.path,
      seed=flags.seed,
      stop_requested=stopping.catch_stop_signals(),
    )
    stack.callback(trainer.close)
    begin = functools.partial(trainer.read_demonstrations, demonstrations)
    return _go_on(trainer, agent, folder, latest, begin)


def _describe_dry_run(fitting: int, demonstrations, folder, latest) -> str:
  return ', '.join(
    [
      f'dry run: {fitting} demonstrations',
      *filter(None, [demonstrations.report()]),
      folder.path,
      f'{"resumes " + latest if latest else "a new run"}: all fits.',
    ]
  )


def _go_on(trainer, agent, folder, latest: str | None, begin) -> str:
  try:
    if latest:
      trainer.restore(latest)
      print(
        f'resumed from {latest}: learner step {trainer.learner_step}, '
        f'{trainer.practised_episodes} episodes of practice',
        flush=True,
      )
    else:
      begin()
    return _run(trainer, agent, folder)
  except stopping.Stopped:
    raise SystemExit(
      f'awopt-train: stopped at learner step {trainer.learner_step}, saved in '
      f'{folder.path}; the same command goes on.'
    ) from None


def _finished(latest: str, config, folder, log, headline) -> str | None:
  """Returns the last line of a run that has nothing left to do, or None."""
  episodes = checkpoints.read_state(latest)['practised_episodes']
  step = int(os.path.basename(latest))
  policy = os.path.join(folder.policies, str(step))
  success = log.success_at(step)
  if episodes < config.practice_episodes or not os.path.isdir(policy):
    return None
  if config.offline:
    return (
      f'finished before: {step} learner steps on demonstrations; policy in '
      f'{policy}; choose another --root_dir to learn anew.'
    )
  if not success:
    return None
  rate = statistics.SuccessRate.from_record(
    phases.headline_rate(success, headline)
  )
  return (
    f'finished before: success {rate} of {rate.episodes} after {episodes} '
    f'episodes of practice; policy in {policy}; bind a larger '
    'TrainConfig.practice_episodes to go on.'
  )


def _run(trainer: loop.Trainer, agent: agent_lib.AwOptAgent, folder) -> str:
  before = trainer.pretrain()
  if before:
    print(f'after pre-training: {phases.describe(before)}', flush=True)
  trainer.practise()
  trainer.save()
  rates = trainer.evaluate('end', trainer.config.final_eval_episodes)
  if rates:
    print(f'after practice: {phases.describe(rates)}', flush=True)
  exported = export_lib.export(
    agent,
    folder.policies,
    train_step=trainer.learner_step,
    config=folder.config(),
    success={kind: rate.as_record() for kind, rate in rates.items()},
    overwrite=True,
  )
  if not rates:
    return (
      f'learnt: {trainer.learner_step} learner steps on demonstrations, tried '
      f'in no environment; policy in {exported}'
    )
  best = phases.headline_rate(rates, agent.headline)
  return (
    f'learnt: success {best} of {best.episodes} after '
    f'{trainer.practised_episodes} episodes of practice; policy in {exported}'
  )
