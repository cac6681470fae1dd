"""A launched run, some of whose roles are killed."""

import argparse
import functools
import tempfile

import gin
import pytest

from awopt_agent.train.roles import context
from tests.integration import chaos as chaos_lib

# The programs start in ten seconds each, two at a time.
pytestmark = [pytest.mark.programs, pytest.mark.timeout(600)]

_SHORT = """
TrainConfig.practice_episodes = 900
TrainConfig.checkpoint_every = 300
"""


@functools.cache
def specs():
  """Returns the specs of a step of the chaos run, and n + 1."""
  with tempfile.TemporaryDirectory() as folder:
    flags = argparse.Namespace(
      role='learner',
      gin_file=[],
      gin_bindings=[chaos_lib.GIN + _SHORT],
      root_dir=folder,
      seed=0,
    )
    agent = context.build(flags).agent
  gin.clear_config()
  return agent.training_data_spec, agent.train_sequence_length


def test_nothing_stored_is_lost_when_roles_are_killed(tmp_path):
  chaos = chaos_lib.Chaos(tmp_path, seed=3, gin=_SHORT)
  chaos.start()
  try:
    chaos.wait_for(
      lambda: chaos.reports() and sum(chaos.stored.values()) > 40,
      120,
      'practice',
    )
    for while_saving in (False, True, False):
      chaos.kill(while_saving=while_saving)
      chaos.wait_until_back()
    assert chaos.finish(240) == 0, chaos.output()
  finally:
    chaos.close()
  found = chaos_lib.check(chaos, *specs())
  assert chaos.kills
  assert found.counters.episodes >= 900
  assert chaos_lib.restarts(chaos) == len(chaos.kills)
  assert 'learnt: success' in chaos.output()
