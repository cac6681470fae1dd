from awopt_agent.trials.evidence import mixing
from tests.trials import fakes


def test_seeds_and_methods_may_differ():
  found = [
    fakes.make_record(seed=0, settings='a'),
    fakes.make_record(seed=1, settings='a'),
    fakes.make_record(variant='awac', settings='b'),
  ]
  assert mixing.mixture(found) is None
  assert mixing.mixture([]) is None


def test_other_code_is_named():
  found = [fakes.make_record(), fakes.make_record(seed=1, sources='new')]
  assert mixing.mixture(found) == (
    'bowl/awopt/0 and bowl/awopt/1 are of different code or demonstrations'
  )


def test_seeds_of_other_settings_are_named():
  found = [fakes.make_record(), fakes.make_record(seed=1, settings='new')]
  assert mixing.mixture(found) == (
    'bowl/awopt/0 and bowl/awopt/1 have different settings'
  )


def test_other_libraries_are_named():
  found = [
    fakes.make_record(versions={'tensorflow': '2.15.1'}),
    # What a peer alone has is no difference.
    fakes.make_record(versions={'tensorflow': '2.15.1', 'torch': '2.9.1'}),
    fakes.make_record(seed=1, versions={'tensorflow': '2.16.0'}),
  ]
  assert mixing.mixture(found[:2]) is None
  assert mixing.mixture(found) == (
    'bowl/awopt/0 and bowl/awopt/1 are of tensorflow 2.15.1 and 2.16.0'
  )


def test_methods_of_another_budget_are_named():
  found = [
    fakes.make_record(config='TrainConfig.practice_episodes = 1\n'),
    fakes.make_record(
      variant='awac', config='TrainConfig.practice_episodes = 2\n'
    ),
  ]
  assert mixing.mixture(found) == (
    'bowl/awopt/0 and bowl/awac/0 differ in TrainConfig.practice_episodes'
  )


def test_what_a_variants_file_binds_may_differ():
  # variant/awac.gin binds the first two, the peers' files the decay.
  found = [
    fakes.make_record(
      config="CriticConfig.target = 'max_q'\nTrainConfig.success_fraction = 0.5"
    ),
    fakes.make_record(
      variant='awac',
      config="CriticConfig.target = 'actor'\n"
      'TrainConfig.success_fraction = None',
    ),
    fakes.make_record(
      variant='d3rlpy_awac', config='PeerConfig.actor_weight_decay = 0.5'
    ),
    fakes.make_record(
      variant='d3rlpy_iql', config='PeerConfig.actor_weight_decay = 0.1'
    ),
  ]
  assert mixing.mixture(found) is None
