import pytest
import tensorflow as tf

from awopt_agent.serving import parts, signatures, tracing
from tests.serving import fakes


def _specs(observation, action):
  return {
    'observation': parts.from_spec(observation, 'observation'),
    'action': parts.from_spec(action, 'action'),
  }


def _trace(agent, observation, action):
  return tracing.trace(agent, _specs(observation, action))


def test_all_of_an_agent_is_traced_for_any_batch_size():
  agent = fakes.make_agent(fakes.BARE_OBSERVATION, fakes.BARE_ACTION)
  traced = _trace(agent, fakes.BARE_OBSERVATION, fakes.BARE_ACTION)
  scored = [f'{kind}_with_score' for kind in fakes.KINDS]
  practice = ['practice', 'practice_initial_state']
  assert sorted(traced) == sorted(
    [*fakes.KINDS, *scored, *practice, 'q_values']
  )
  for name, (signature, function) in traced.items():
    taken = function.structured_input_signature[1]
    assert sorted(taken) == sorted(part.name for part in signature.inputs)
    for part in signature.inputs:
      rows = [None] if signature.batched else []
      assert taken[part.name].shape.as_list() == [*rows, *part.shape], name
    given = function.structured_outputs
    for part in signature.outputs:
      assert given[part.name].dtype == part.dtype
    assert sorted(given) == sorted(part.name for part in signature.outputs)


def test_the_default_policy_has_names_of_its_own():
  traced = dict.fromkeys(['actor', 'cem', 'cem_with_score', 'actor_encoded'])
  assert tracing.aliases(traced, 'cem') == {
    'serving_default': 'cem',
    'action': 'cem',
    'action_with_score': 'cem_with_score',
  }
  assert tracing.aliases(traced, 'actor')['action_encoded'] == 'actor_encoded'


def test_a_policy_with_a_state_keeps_it_outside():
  agent = fakes.make_agent(
    fakes.BARE_OBSERVATION, fakes.BARE_ACTION, warm_start=True
  )
  policy = agent.policies['cem']
  traced = _trace(agent, fakes.BARE_OBSERVATION, fakes.BARE_ACTION)
  assert 'actor_stateful' not in traced
  begin, go = traced['cem_initial_state'], traced['cem_stateful']
  state = begin.function(batch_size=tf.constant(3))
  assert list(state) == ['state_last_action']
  expected = policy.get_initial_state(3)
  for step in range(3):
    observation = fakes.observe(fakes.BARE_OBSERVATION, 3, seed=step)
    answer = go.function(
      observation=observation,
      step_type=tf.fill([3], min(step, 1)),
      **state,
    )
    time_step = tracing._time_step(
      agent.time_step_spec, observation, tf.fill([3], min(step, 1))
    )
    memory = policy.action(time_step, expected)
    state = {'state_last_action': answer['state_last_action']}
    expected = memory.state
    fakes.assert_same_actions(answer['action'].numpy(), memory.action.numpy())
  # The state tells: without one, the last action would be another.
  again = traced['cem'].function(observation=observation)
  assert tf.reduce_max(tf.abs(again['action'] - memory.action)) > 1e-3


def test_an_agent_that_learns_no_values_has_none():
  agent = fakes.LinearAgent()
  traced = _trace(agent, fakes.BARE_OBSERVATION, fakes.BARE_ACTION)
  assert sorted(traced) == ['actor', 'cem_with_candidate']


@pytest.mark.parametrize(
  ('policy', 'action', 'message'),
  [
    ('practice', 'move', "a policy is named 'practice', as a .*; rename it"),
    ('actor_with_score', 'move', "two signatures .* named 'actor_with_score'"),
    ('b', 'score', "two outputs of .*'actor_with_score' .*'score'; rename a"),
  ],
)
def test_refuses_two_of_a_name(policy, action, message):
  observation, action = (
    {'x': fakes.BARE_OBSERVATION},
    {action: fakes.BARE_ACTION},
  )
  agent = fakes.make_agent(observation, action)
  agent._policies = {
    name: agent.policies['actor'] for name in ('actor', policy)
  }
  with pytest.raises(ValueError, match=message) as error:
    _trace(agent, observation, action)
  assert '\n' not in str(error.value)


def test_an_encoded_signature_takes_files():
  agent = fakes.make_picture_agent()
  traced = _trace(agent, fakes.IMAGE_OBSERVATION, fakes.BARE_ACTION)
  image, pose = traced['actor' + signatures.ENCODED].signature.inputs
  assert (image.name, image.dtype, image.shape) == ('image', 'bytes', ())
  assert (pose.name, pose.dtype, pose.shape) == ('pose', 'float32', (3,))
