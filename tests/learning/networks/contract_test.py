import pytest
import tensorflow as tf

from awopt_agent.learning import networks
from awopt_agent.learning.networks import contract
from tests import fakes


class _Flat(fakes.LinearCritic):
  def score(self, features, actions):
    return super().score(features, actions)[:, 0]


def test_networks_that_keep_their_contract_pass():
  contract.check_critic(
    networks.MlpCritic(fakes.OBSERVATION_SPEC, 3), fakes.OBSERVATION_SPEC, 3
  )
  contract.check_actor(
    networks.MlpActor(fakes.OBSERVATION_SPEC, 1, (2,)),
    fakes.OBSERVATION_SPEC,
    1,
    (2,),
  )


def test_scores_of_another_shape_are_refused_by_name():
  with pytest.raises(
    ValueError, match=r'_Flat.score must .*\[2, 3\], got \[2\]'
  ):
    contract.check_critic(_Flat(), fakes.OBSERVATION_SPEC, 1)


def test_actions_of_another_shape_are_refused_by_name():
  actor = fakes.PointActor((2, ()))
  with pytest.raises(ValueError, match=r'PointActor.*\[2, 1\], got \[2, 2\]'):
    contract.check_actor(actor, fakes.OBSERVATION_SPEC, 1, ())


class _DrawsFirst(fakes.PointActor):
  """An actor whose draws are `[N, B, A]`, as TFP has them."""

  def distribution(self, features):
    inner = super().distribution(features)

    class _Transposed:
      mode, log_prob = inner.mode, inner.log_prob

      @staticmethod
      def sample(count, seed):
        return tf.transpose(inner.sample(count, seed), [1, 0, 2])

    return _Transposed()


def test_draws_in_another_order_are_refused_by_name():
  with pytest.raises(
    ValueError, match=r'_DrawsFirst.*sample must .*\[2, 3, 1\], got \[3, 2, 1\]'
  ):
    contract.check_actor(_DrawsFirst((1, ())), fakes.OBSERVATION_SPEC, 1, ())


def test_the_agent_refuses_such_a_network():
  with pytest.raises(ValueError, match='_Flat.score'):
    fakes.make_agent(
      fakes.MOVE_ONLY, critic_network=lambda *_, name, **__: _Flat(name=name)
    )


def test_the_check_changes_no_weight():
  critic = networks.MlpCritic(fakes.OBSERVATION_SPEC, 3)
  before = [tf.identity(variable) for variable in critic.variables]
  contract.check_critic(critic, fakes.OBSERVATION_SPEC, 3)
  for old, new in zip(before, critic.variables, strict=True):
    assert tf.reduce_all(old == new)
