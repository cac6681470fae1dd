"""A run of awopt-evaluate: measures, and films, an exported policy."""

import os

from awopt_agent import envs, statistics
from awopt_agent.serving import predictor as predictor_lib
from awopt_agent.train import (
  builders,
  evaluation,
  loop,  # noqa: F401  Its gin names.
  metrics,
  run_folder,
  seeds,
  train_config,
  videos,
)
from awopt_agent.train import config as config_lib

__all__ = ['evaluate']

_BATCH = 16
_FILMED = 3


def evaluate(flags) -> str:
  """Evaluates the policy that is served, in the run's own task.

  Args:
    flags: Of awopt-evaluate.

  Returns:
    The line that says how well it does.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  folder = run_folder.RunFolder(flags.root_dir)
  stored = folder.config()
  folder.check_disk()
  predictor = predictor_lib.Predictor(
    _version(folder, flags.step), policy=flags.policy
  )
  config_lib.load([], [stored, *flags.gin_bindings])
  config = train_config.TrainConfig()
  rate = _measure(predictor, flags, config.success_threshold)
  step = predictor.metadata['train_step']
  metrics.MetricsLog(folder.metrics).append(
    {
      'phase': 'evaluate',
      'learner_step': step,
      'seed': flags.seed,
      'bindings': flags.gin_bindings,
      'success': {predictor.policy: rate.as_record()},
    }
  )
  line = f'{predictor.policy} at step {step}: success {rate} of {rate.episodes}'
  if flags.videos != 0:
    line += f'; {_film(predictor, flags, folder, step)}'
  return line


def _version(folder: run_folder.RunFolder, step: int | None) -> str:
  if step is None:
    return folder.policies
  return os.path.join(folder.policies, str(step))


def _measure(predictor, flags, threshold) -> statistics.SuccessRate:
  env = builders.make_vector_env(min(_BATCH, flags.episodes), flags.seed)
  try:
    evaluator = evaluation.Evaluator(
      env,
      seed=seeds.first_environment_seed(seeds.MEASURING, flags.seed),
      success_threshold=threshold,
    )
    return evaluator.evaluate(
      lambda step: predictor.predict(step.observation), flags.episodes
    )
  finally:
    env.close()


def _film(predictor, flags, folder, step: int) -> str:
  env = envs.make(
    seed=seeds.first_environment_seed(seeds.MEASURING, flags.seed)
  )
  path = os.path.join(
    folder.videos, f'{predictor.policy}_{step}.{flags.format}'
  )
  try:
    if flags.videos is None and not env.can_render:
      return 'no video: the environment gives no pictures'
    path = videos.record(
      env, predictor.predict, path, episodes=flags.videos or _FILMED
    )
    return f'video in {path}'
  finally:
    env.close()
