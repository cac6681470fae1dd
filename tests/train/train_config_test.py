import gin
import pytest

from awopt_agent.train import config, train_config

_TRAIN = (
  "TrainConfig.demonstrations = 'some_demos'",
  'TrainConfig.pretrain_steps = 20',
  'TrainConfig.practice_episodes = 24',
)


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


@pytest.mark.parametrize(
  'binding, named',
  [
    ('pretrain_steps = -1', 'pretrain_steps must be >= 0, got -1'),
    ('pretrain_steps = "ten"', "pretrain_steps must be int, got 'ten'"),
    ('practice_episodes = 24.5', 'practice_episodes must be int, got 24.5'),
    ('demonstrations = 3', 'demonstrations must be a folder, a TFDS name'),
    ('offline = True', 'offline has no environment to practise in'),
    ('replay_ratio = 0', 'replay_ratio must be > 0, got 0'),
    ('num_envs = 0', 'num_envs must be >= 1, got 0'),
    ('eval_every = 0', 'eval_every must be >= 1, got 0'),
    ('final_eval_episodes = 0', 'final_eval_episodes must be >= 1, got 0'),
    ('success_fraction = 2', 'success_fraction must be in [0, 1] or None'),
  ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(binding, named):
  config.load([], [*_TRAIN, f'TrainConfig.{binding}'])
  with pytest.raises(ValueError, match='TrainConfig') as raised:
    train_config.TrainConfig()
  assert named in str(raised.value)


@pytest.mark.parametrize(
  'binding', ['success_fraction = None', 'replay_ratio = 1', 'pretrain_steps=0']
)
def test_numbers_that_make_sense_are_taken(binding):
  config.load([], [*_TRAIN, f'TrainConfig.{binding}'])
  train_config.TrainConfig()


def test_a_round_has_a_step_for_each_process():
  with pytest.raises(ValueError, match='round_steps must be >= .*got 3'):
    train_config.TrainConfig(
      demonstrations='unused',
      pretrain_steps=1,
      practice_episodes=1,
      num_envs=4,
      num_parallel_environments=4,
      round_steps=3,
    )
