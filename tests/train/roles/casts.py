"""The roles of a small run, in one process, on the task of `EvenEnv`."""

import argparse

from awopt_agent.experience import labelling, tables
from awopt_agent.experience.wire import inbox, targets, weights
from awopt_agent.train import checkpoints, run_folder, train_config
from awopt_agent.train.roles import config, context
from tests.envs import fakes as env_fakes
from tests.train import fakes as train_fakes
from tests.train.roles import fakes


class Demonstrations:
  """Three of them; calls `on_each` between one and the next."""

  total = 3

  def __init__(self, on_each=lambda: None):
    self._on_each = on_each

  def read(self, time_step_spec, action_spec, *, on_refused):
    del time_step_spec, action_spec, on_refused
    for _ in range(self.total):
      yield train_fakes.make_demonstration()
      self._on_each()

  def report(self):
    return ''


def give(monkeypatch, demonstrations):
  """Has roles read these in the place of a data set."""
  monkeypatch.setattr(context, 'make_demonstrations', lambda _: demonstrations)


def make_context(root, *, agent=None, roles=None, **changes):
  """Returns a role's context, as gin would make it.

  Args:
    root: Folder of the run.
    agent: None for a new one.
    roles: Changes of `RolesConfig`.
    **changes: Of `TrainConfig`.
  """
  folder = run_folder.RunFolder(str(root))
  folder.check_disk()
  env = env_fakes.EvenEnv()
  return context.Context(
    folder=folder,
    train=train_config.TrainConfig(
      **{
        'demonstrations': 'unused',
        'pretrain_steps': 4,
        'practice_episodes': 6,
        'batch_size': 4,
        'num_envs': 2,
        'replay_ratio': 0.5,
        'eval_every': 3,
        'eval_episodes': 2,
        'final_eval_episodes': 3,
        'checkpoint_every': 1000,
        'summary_every': 5,
        **changes,
      }
    ),
    roles=config.RolesConfig(
      **{'pull_every_s': 0.01, 'wait_limit_s': 20.0, **(roles or {})}
    ),
    replay=tables.ReplayConfig(),
    checkpoints=checkpoints.CheckpointConfig(),
    time_step_spec=env.time_step_spec(),
    action_spec=env.action_spec(),
    agent=agent or train_fakes.make_agent(),
    seed=0,
  )


def serve(cast, **kwargs):
  """Returns the replay role of a run, serving in the background.

  Args:
    cast: Context of any of its roles.
    **kwargs: Of `ReplayRole`.
  """
  agent = cast.agent
  spec = agent.training_data_spec
  role = fakes.ReplayRole(
    cast.folder.path,
    spec=spec,
    more_tables=[
      weights.make_table(weights.ACTING, agent.acting_variables),
      weights.make_table(
        weights.TARGET, [agent.train_step_counter, *agent.target_variables]
      ),
      targets.make_table(
        spec,
        batch_size=cast.train.batch_size,
        max_batches=2,
      ),
    ],
    **kwargs,
  )
  role.start()
  return role


def address(role):
  """Returns where a replay role listens."""
  return f'localhost:{role.replay.port}'


def flags(role, **changes):
  """Returns the flags of a role."""
  return argparse.Namespace(
    **{
      'replay_address': address(role),
      'index': 0,
      'spool_dir': None,
      'seed': 0,
      **changes,
    }
  )


def use_even_env(monkeypatch, module):
  """Has a role's module make environments of the small task."""

  class Envs:
    @staticmethod
    def make(seed):
      return env_fakes.EvenEnv(seed)

  monkeypatch.setattr(module, 'envs', Envs)


def demonstrations(role, cast, count=3):
  """Has the replay role hold demonstrations, as the learner delivers them."""
  info = cast.agent.collect_data_spec.policy_info
  for number in range(count):
    episode = train_fakes.make_demonstration()
    role.send(
      labelling.label_episode(
        episode,
        episode_id=inbox.episode_id(0, number),
        policy_info=labelling.no_policy_info(info, episode.length),
      )
    )
  role.reader().wait_for(
    lambda record: record['demonstrations'] == count,
    what='for demonstrations',
    limit_s=20,
  )
