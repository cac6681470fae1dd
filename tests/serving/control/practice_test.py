import numpy as np
import pytest

from awopt_agent import structs
from awopt_agent.serving import export, predictor
from awopt_agent.serving.control import practice
from tests.serving import fakes


@pytest.fixture(name='served', scope='module')
def _served(tmp_path_factory):
  agent = fakes.make_agent(fakes.DICT_OBSERVATION, fakes.DICT_ACTION)
  folder = str(tmp_path_factory.mktemp('policies'))
  export.export(agent, folder, train_step=30)
  return predictor.Predictor(folder)


def _observe(step):
  batch = fakes.observe(fakes.DICT_OBSERVATION, 1, seed=step)
  return {name: value[0] for name, value in batch.items()}


def test_an_episode_is_that_of_the_signature(served):
  practising = practice.Practice(served)
  assert (practising.policy, practising.version) == ('practice', 30)
  state = dict(practising._state)
  for step in range(4):
    one = _observe(step)
    rows = {name: value[None] for name, value in one.items()}
    step_type = np.array([min(step, 1)], np.int32)
    outputs = served.run('practice', {**rows, 'step_type': step_type, **state})
    state = {name: outputs[name] for name in state}
    action = practising.predict(one)
    expected = {name: outputs[name][0] for name in fakes.DICT_ACTION}
    fakes.assert_same_actions(action, expected)
    assert practising.source == outputs['info_source'][0]


def test_episodes_differ_in_who_acts(served):
  sources = set()
  # The actor has one of five: that it never comes has a chance of 1e-4.
  for _ in range(40):
    practising = practice.Practice(served)
    practising.predict(_observe(0))
    sources.add(practising.source)
  assert sources == {structs.Source.ACTOR, structs.Source.CEM}


def test_bounds_as_the_predictor_does(served):
  action = {
    'move': np.array([0, 2, -2], np.float32),
    'turn': np.array([5], np.float32),
    'close': np.int32(1),
  }
  bounded = practice.Practice(served).bound(_observe(0), action)
  np.testing.assert_array_equal(bounded['move'], [0, 1, -1])
  np.testing.assert_array_equal(bounded['turn'], [4])


def test_an_export_without_practice_is_refused(tmp_path):
  folder = str(tmp_path)
  export.export(fakes.LinearAgent(), folder, train_step=1)
  with pytest.raises(ValueError, match="no signature 'practice_initial_state'"):
    practice.Practice(predictor.Predictor(folder))
