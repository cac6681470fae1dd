"""A run of awopt-export: from the newest checkpoint to a SavedModel."""

import contextlib

from awopt_agent import envs
from awopt_agent.serving import export as export_lib
from awopt_agent.serving import layout, loading, tflite
from awopt_agent.train import (
  builders,
  checkpoints,
  loop,  # noqa: F401  Its gin names.
  metrics,
  run_folder,
)
from awopt_agent.train import config as config_lib

__all__ = ['export']


def export(flags) -> str:
  """Exports the policies of a run's newest checkpoint.

  Args:
    flags: Of awopt-export.

  Returns:
    The line that says where they are.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  folder = run_folder.RunFolder(flags.root_dir)
  stored = folder.config()
  config_lib.load([], [stored])
  with contextlib.closing(envs.make(seed=folder.seed())) as env:
    agent = builders.make_agent(env, folder.seed())
  store = checkpoints.CheckpointStore(folder.checkpoints, agent)
  latest = checkpoints.latest(folder.checkpoints, replay=False)
  if latest is None:
    raise ValueError(
      f'{folder.path} has no checkpoint yet; let awopt-train go on.'
    )
  store.restore_agent(latest)
  step = int(agent.train_step_counter.numpy())
  path = export_lib.export(
    agent,
    flags.out or folder.policies,
    train_step=step,
    config=stored,
    success=metrics.MetricsLog(folder.metrics).success_at(step),
    tflite=flags.tflite,
    overwrite=flags.overwrite,
  )
  metadata = loading.read_json(path, layout.METADATA)
  for line in tflite.describe(metadata.get('tflite', {})):
    print(line)
  return f'exported learner step {step} to {path}'
