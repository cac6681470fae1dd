import pytest

from awopt_agent.train import offline
from tests.demos import fakes


def test_an_offline_environment_has_specs_and_nothing_else():
  env = offline.OfflineEnv(fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC)
  assert env.observation_spec() == fakes.OBSERVATION_SPEC
  assert env.action_spec() == fakes.ACTION_SPEC
  assert (env.batched, env.batch_size, env.workers) == (True, 0, ())
  env.set_state(env.get_state())
  with pytest.raises(RuntimeError, match='no environment'):
    env.reset()
