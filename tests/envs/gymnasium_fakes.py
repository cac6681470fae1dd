"""A Gymnasium environment that does what it is told.

Importing this module registers it, as a user's own module would.
"""

import gymnasium
import numpy as np
from gymnasium import spaces

ID = 'awopt_test/Scripted-v0'
# Of its class Gymnasium knows what it can render; of a function it does not.
ID_OF_FUNCTION = 'awopt_test/ScriptedByFunction-v0'


def unit_box(size=1, dtype=np.float32):
  return spaces.Box(-1.0, 1.0, (size,), dtype)


class ScriptedEnv(gymnasium.Env):
  """Gives the steps of a script, and keeps what it was given.

  Attributes:
    seeds: Of its resets.
    actions: Of its steps.
    times_closed: How often it was closed.
  """

  metadata = {'render_modes': ['rgb_array'], 'render_fps': 10}

  def __init__(
    self,
    observation_space=None,
    action_space=None,
    *,
    first=None,
    steps=None,
    render_mode=None,
    picture=None,
  ):
    """Keeps the script.

    Args:
      observation_space: A number in [-1, 1] by default.
      action_space: Likewise.
      first: The observation of `reset`; a sample by default.
      steps: What the steps of each episode return; by default an episode of
        three steps, of which the last one is rewarded.
      render_mode: As Gymnasium has it.
      picture: What `render` returns.
    """
    self.observation_space = observation_space or unit_box()
    self.action_space = action_space or unit_box()
    self.render_mode = render_mode
    self._first = first
    self._steps = steps
    self._picture = picture
    self.seeds, self.actions, self.times_closed = [], [], 0

  def reset(self, *, seed=None, options=None):
    super().reset(seed=seed)
    self.seeds.append(seed)
    self.actions = []
    self.observation_space.seed(seed)
    self._last = self._first
    if self._first is None:
      self._last = self.observation_space.sample()
    return self._last, {}

  def step(self, action):
    self.actions.append(action)
    count = len(self.actions)
    if self._steps is not None:
      return self._steps[count - 1]
    return self._last, float(count == 3), count == 3, False, {}

  def render(self):
    return self._picture

  def close(self):
    self.times_closed += 1


def _make(**kwargs):
  return ScriptedEnv(**kwargs)


gymnasium.register(ID, ScriptedEnv)
gymnasium.register(ID_OF_FUNCTION, _make)
