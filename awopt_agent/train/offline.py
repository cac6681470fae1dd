"""Training without an environment: on demonstrations alone."""

from typing import Any

from tf_agents.environments import py_environment

__all__ = ['OfflineEnv']


class OfflineEnv(py_environment.PyEnvironment):
  """Stands where an environment would be; has its specs, and no episodes."""

  # By which practice is shared out.
  workers: tuple = ()

  def __init__(self, time_step_spec: Any, action_spec: Any):
    """Takes the specs, which data may tell."""
    self._time_step_spec = time_step_spec
    self._action_spec = action_spec
    super().__init__()

  @property
  def batched(self) -> bool:
    return True

  @property
  def batch_size(self) -> int:
    return 0

  def time_step_spec(self):
    return self._time_step_spec

  def observation_spec(self):
    return self._time_step_spec.observation

  def action_spec(self):
    return self._action_spec

  def get_state(self) -> list:
    return []

  def set_state(self, state: list) -> None:
    """Has nothing to take up."""

  def _reset(self):
    raise RuntimeError('there is no environment to reset.')

  def _step(self, action):
    raise RuntimeError('there is no environment to step.')
