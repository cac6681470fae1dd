import numpy as np
import pytest

from awopt_agent import structs
from awopt_agent.serving.control import takeover
from tests.serving.control import fakes

OBSERVATION = {
  'place': np.zeros(2, np.float32),
  'clock': np.float32(0),
}


class Joystick:
  """Takes over with what is put into it."""

  taken = None

  def action(self, observation):
    assert observation is OBSERVATION
    return self.taken


def test_the_policy_acts_and_the_choice_says_which():
  choice = takeover.Chooser(fakes.HalfPolicy())(OBSERVATION)
  assert choice.action['move'][0] == 0.5
  assert choice.source == structs.Source.CEM
  actor = fakes.HalfPolicy()
  actor.policy = 'actor'
  source = takeover.Chooser(actor)(OBSERVATION).source
  assert source == structs.Source.ACTOR


def test_a_policy_that_explores_says_who_chose():
  policy = fakes.HalfPolicy()
  policy.policy, policy.source = 'practice', structs.Source.CEM
  source = takeover.Chooser(policy)(OBSERVATION).source
  assert source == structs.Source.CEM


def test_a_human_takes_over_within_bounds_and_gives_back():
  human = Joystick()
  choose = takeover.Chooser(fakes.HalfPolicy(), human)
  assert choose(OBSERVATION).source == structs.Source.CEM
  human.taken = {'move': np.array([-3, 0.25], np.float32), 'stop': np.int32(1)}
  choice = choose(OBSERVATION)
  assert choice.source == structs.Source.DEMONSTRATION
  np.testing.assert_array_equal(choice.action['move'], [-1, 0.25])
  human.taken = None
  assert choose(OBSERVATION).source == structs.Source.CEM


def test_what_is_no_action_is_refused():
  policy, human = fakes.HalfPolicy(), Joystick()

  def refuse(observation, action):
    raise ValueError("action has an unknown 'jump'")

  policy.bound = refuse
  human.taken = {'jump': 1}
  with pytest.raises(takeover.HumanActionError, match='who took over: action'):
    takeover.Chooser(policy, human)(OBSERVATION)


def test_what_is_not_finite_is_no_action():
  policy = fakes.HalfPolicy()
  policy.predict = lambda observation: {
    'move': np.array([0, np.nan], np.float32),
    'stop': np.int32(0),
  }
  with pytest.raises(FloatingPointError, match="'move'"):
    takeover.Chooser(policy)(OBSERVATION)
