"""A run of awopt-train from its flags to its last line."""

import os
import signal

import tensorflow as tf

from awopt_agent import agent as agent_lib
from awopt_agent.demos import reader
from awopt_agent.experience import replay as replay_lib
from awopt_agent.experience import tables
from awopt_agent.serving import export as export_lib
from awopt_agent.train import builders
from awopt_agent.train import checkpoints
from awopt_agent.train import config as config_lib
from awopt_agent.train import loop
from awopt_agent.train import metrics
from awopt_agent.train import run_folder

__all__ = ['train']


def train(flags) -> str:
  """Trains, and returns the line that says what was learnt.

  Args:
    flags: Of awopt-train.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  use_cores()
  config_lib.load(flags.gin_file, flags.gin_bindings)
  folder = run_folder.RunFolder(flags.root_dir)
  folder.check_disk()
  config = loop.TrainConfig()
  # Before anything slow: is there data at all?
  reader.read_episodes(config.demonstrations, config.split)
  env = builders.make_vector_env(config.num_envs, flags.seed)
  try:
    return _train(flags, config, folder, env)
  finally:
    env.close()


def _train(flags, config, folder, env) -> str:
  agent = builders.make_agent(env, flags.seed)
  episodes = list(
    reader.read_episodes(
      config.demonstrations,
      config.split,
      success_threshold=config.success_threshold,
      time_step_spec=env.time_step_spec(),
      action_spec=env.action_spec(),
    )
  )
  replay_config = tables.ReplayConfig()
  folder.claim(config_lib.operative(), flags.seed)
  store = checkpoints.CheckpointStore(folder.checkpoints, agent)
  latest = store.latest()
  if flags.dry_run:
    return (
      f'dry run: {len(episodes)} demonstrations, {folder.path}, '
      f'{"resumes " + latest if latest else "a new run"}: all fits.'
    )
  replay = replay_lib.Replay(
    agent.training_data_spec,
    replay_config,
    steps_per_item=agent.train_sequence_length,
    scratch=folder.replay,
    restore_from=checkpoints.replay_folder(latest) if latest else None,
  )
  trainer = loop.Trainer(
    config,
    agent=agent,
    env=env,
    replay=replay,
    store=store,
    log=metrics.MetricsLog(folder.metrics),
    root_dir=folder.path,
    seed=flags.seed,
    stop_requested=_catch_stop_signals(),
  )
  try:
    if latest:
      trainer.restore(latest)
      print(
        f'resumed from {latest}: learner step {trainer.learner_step}, '
        f'{trainer.practised_episodes} episodes of practice',
        flush=True,
      )
    else:
      trainer.add_demonstrations(iter(episodes))
    return _run(trainer, agent, folder)
  except loop.Stopped:
    raise SystemExit(
      f'awopt-train: stopped at learner step {trainer.learner_step}, saved in '
      f'{folder.path}; the same command goes on.'
    ) from None
  finally:
    trainer.close()
    replay.close()


def _run(trainer: loop.Trainer, agent: agent_lib.AwOptAgent, folder) -> str:
  before = trainer.pretrain()
  if before:
    print(f'after pre-training: {loop.describe(before)}', flush=True)
  trainer.practise()
  rates = trainer.evaluate('end', trainer.config.final_eval_episodes)
  trainer.save()
  print(f'after practice: {loop.describe(rates)}', flush=True)
  exported = export_lib.export(
    agent,
    folder.policies,
    train_step=trainer.learner_step,
    config=folder.config(),
    success={kind: rate.as_record() for kind, rate in rates.items()},
    overwrite=True,
  )
  best = rates['cem_with_candidate']
  return (
    f'learnt: success {best} of {best.episodes} after '
    f'{trainer.practised_episodes} episodes of practice; policy in {exported}'
  )


def use_cores() -> None:
  """Leaves a core to the simulator; TensorFlow takes the others."""
  cores = len(os.sched_getaffinity(0))
  tf.config.threading.set_intra_op_parallelism_threads(max(1, cores - 1))
  tf.config.threading.set_inter_op_parallelism_threads(2)


def _catch_stop_signals():
  """Makes SIGTERM and Ctrl-C a request; a second Ctrl-C is the usual one."""
  asked = []

  def ask(number, frame):
    if asked:
      signal.signal(signal.SIGINT, signal.default_int_handler)
    asked.append(number)

  signal.signal(signal.SIGTERM, ask)
  signal.signal(signal.SIGINT, ask)
  return lambda: bool(asked)
