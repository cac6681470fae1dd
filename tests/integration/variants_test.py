"""Each gin variant has the terms that its paper gives it, and no others."""

import pathlib
from typing import NamedTuple

import gin
import numpy as np
import pytest
import tensorflow as tf

from awopt_agent import agent as agent_lib
from awopt_agent import structs
from awopt_agent.train import config, train_config
from tests import fakes

ROOT = pathlib.Path(__file__).parents[2]
FILES = sorted(path.stem for path in (ROOT / 'gin' / 'variant').glob('*.gin'))
ACTOR, CEM = int(structs.Source.ACTOR), int(structs.Source.CEM)
SMALL = [
  "include 'base/state.gin'",
  'MlpCritic.layers = (16,)',
  'MlpActor.layers = (16,)',
  "TrainConfig.demonstrations = 'unused'",
  'TrainConfig.pretrain_steps = 0',
  'TrainConfig.practice_episodes = 7',
  # A search so narrow that an actor's candidate can beat it.
  'target/CemConfig.initial_std = 0.001',
  'target/CemConfig.min_std = 0.0',
]


class Terms(NamedTuple):
  """What a variant has.

  Attributes:
    critic: Whether a critic learns.
    actor: Whether an actor learns.
    failures: Whether the actor learns from failures.
    target: Whose action the Bellman target values.
    sources: Who acts in practice.
    fraction: Share of a batch that comes from successes; None in proportion.
    headline: Policy that it is judged by.
    explorer: Who acts in practice, and when it is drawn.
    weights: How an advantage weighs an action.
  """

  critic: bool = True
  actor: bool = True
  failures: bool = False
  target: str = 'max_q_actor_candidate'
  sources: tuple = (ACTOR, CEM)
  fraction: float | None = 0.5
  headline: str = 'cem_with_candidate'
  explorer: str = 'episode_switch'
  weights: str = 'exp'


AWAC_P = Terms(
  target='actor', sources=(ACTOR,), headline='actor', explorer='actor'
)
ELRS = Terms(target='actor')
EXPECTED = {
  'qt_opt': Terms(
    actor=False,
    target='max_q',
    sources=(CEM,),
    fraction=None,
    headline='cem',
    explorer='cem',
  ),
  'qt_opt_balanced': Terms(
    actor=False, target='max_q', sources=(CEM,), headline='cem', explorer='cem'
  ),
  'awac': AWAC_P._replace(failures=True, fraction=None),
  'awac_p': AWAC_P,
  'awac_p_elrs': ELRS,
  'awac_p_elrs_maxq': ELRS._replace(target='max_q'),
  'awac_p_elrs_maxq_actor_mean': ELRS._replace(target='max_q_actor_mean'),
  'awopt': Terms(),
  'awopt_literal': Terms(),
  'no_success_filter': Terms(failures=True),
  'no_actor_candidate': Terms(target='max_q'),
  'awac_target': Terms(target='actor'),
  'no_hybrid_exploration': Terms(sources=(ACTOR,), explorer='actor'),
  'explorer_actor': AWAC_P,
  'explorer_cem': ELRS._replace(sources=(CEM,), explorer='cem'),
  'explorer_episode_switch': ELRS,
  'explorer_step_switch': ELRS._replace(explorer='step_switch'),
  'bc': Terms(
    critic=False,
    sources=(ACTOR,),
    fraction=1.0,
    headline='actor',
    explorer='actor',
    weights='one',
  ),
}


@pytest.fixture(name='agent', params=FILES)
def _agent(request):
  """The agent of a variant, and what the variant should have."""
  config.load([], [*SMALL, f"include 'variant/{request.param}.gin'"])
  agent = agent_lib.AwOptAgent(fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC)
  agent.name_of_variant = request.param
  yield agent
  gin.clear_config()


def expected(agent) -> Terms:
  return EXPECTED[agent.name_of_variant]


def numbers(module):
  """Returns the values of biases, which no weight decay moves."""
  return [v.numpy() for v in module.variables if 'bias' in v.name]


def changed(module, before) -> bool:
  return any(
    not np.array_equal(old, new)
    for old, new in zip(before, numbers(module), strict=True)
  )


def experience(agent, **kwargs):
  return fakes.random_experience(
    n_step=agent.train_sequence_length - 1, **kwargs
  )


def test_every_variant_is_known_here():
  assert set(EXPECTED) == set(FILES)


def test_ten_steps_move_what_learns_and_nothing_else(agent):
  parts = agent.critic_learner.critic, agent.actor_learner.actor
  before = [numbers(part) for part in parts]
  train = tf.function(agent.train, autograph=False)
  for seed in range(10):
    info = train(experience(agent, seed=seed)).extra
    assert all(np.isfinite(value) for value in info)
  moved = [
    changed(part, start) for part, start in zip(parts, before, strict=True)
  ]
  assert moved == [expected(agent).critic, expected(agent).actor]
  assert (info.critic_loss != 0) == expected(agent).critic
  assert (info.actor_loss != 0) == expected(agent).actor


def test_failures_teach_only_the_actors_without_a_filter(agent):
  before = numbers(agent.actor_learner.actor)
  agent.train(experience(agent, success=False))
  assert changed(agent.actor_learner.actor, before) == expected(agent).failures


def test_the_actor_shapes_the_target_where_it_should(agent):
  """A move of the actor's mode shows in the targets that depend on it."""
  batch = experience(agent, batch_size=64)

  def target():
    # Equal chance, so that only the actor differs.
    agent._training_rng.reset_from_seed(0)
    return agent.loss(batch).extra

  head = agent.actor_learner.actor._head._layer
  before = target()
  head.bias.assign(head.bias + 2.0)
  after = target()
  kind = expected(agent).target
  if not expected(agent).critic:
    assert before.target == after.target == 0
  elif kind == 'max_q':
    assert before.target == after.target
    assert after.candidate_share == 0
  elif kind == 'max_q_actor_candidate':
    assert before.candidate_share + after.candidate_share > 0
  else:
    assert before.target != after.target
    assert after.candidate_share == 0


def test_practice_is_run_by_whom_it_should(agent):
  step = agent.collect_policy.action(
    fakes.time_steps([0.0] * 400, first=True),
    agent.collect_policy.get_initial_state(400),
  )
  assert tuple(sorted(set(step.info.source.numpy()))) == tuple(
    sorted(expected(agent).sources)
  )


def test_a_switch_is_drawn_when_it_should_be(agent):
  """Four fifths are CEM's; only a step switch draws anew in an episode."""
  state = tf.fill([400], ACTOR)
  later = agent.collect_policy.action(fakes.time_steps([0.0] * 400), state)
  share = np.mean(later.info.source == CEM)
  # 5 standard errors of .8 in 400 draws are .1.
  low, high = {
    'actor': (0, 0),
    'cem': (1, 1),
    'episode_switch': (0, 0),
    'step_switch': (0.7, 0.9),
  }[expected(agent).explorer]
  assert low <= share <= high
  first = agent.collect_policy.action(
    fakes.time_steps([0.0] * 400, first=True), state
  )
  if 'switch' in expected(agent).explorer:
    assert 0.7 <= np.mean(first.info.source == CEM) <= 0.9


def test_batches_are_mixed_as_they_should(agent):
  assert train_config.TrainConfig().success_fraction == expected(agent).fraction


def test_is_judged_by_the_policy_that_the_paper_means(agent):
  terms = expected(agent)
  assert agent.headline == terms.headline
  assert agent.policy is agent.policies[terms.headline]
  kinds = {'actor': terms.actor, 'cem': terms.critic}
  kinds['cem_with_candidate'] = terms.actor and terms.critic
  assert set(agent.policies) == {kind for kind, there in kinds.items() if there}


def test_what_values_and_weighs(agent):
  terms = expected(agent)
  assert agent._critic_config.target == terms.target
  assert agent._actor_config.weights == terms.weights


def test_only_the_literal_one_values_by_the_critic_itself(agent):
  critic, actor = agent._critic_config, agent._actor_config
  literal = agent.name_of_variant == 'awopt_literal'
  assert critic.online_target == literal
  assert (agent.train_sequence_length == 2) == literal
  # Temperature 1 is plain exp(A); no decay; the target is the critic.
  plain = (actor.temperature, critic.weight_decay, actor.weight_decay)
  assert (plain == (1.0, 0.0, 0.0)) == literal
  assert (critic.tau == 1.0) == literal
