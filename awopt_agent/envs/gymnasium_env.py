"""Any Gymnasium environment as a TF-Agents environment.

Gymnasium is an optional extra. This module loads it only when an environment
is made, and may be imported without it: gin then knows its names.
"""

import contextlib
import importlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import gin
import numpy as np
from tf_agents.environments import py_environment
from tf_agents.trajectories import time_step as ts

from awopt_agent.envs import episode_sequence

__all__ = ['GymnasiumEnv', 'UnknownEnvironmentError']

_OBSERVATIONS = ('keep', 'flatten')
_REWARDS = ('environment', 'success')


class UnknownEnvironmentError(ValueError):
  """No Gymnasium environment can be found by a name; it says why."""


@gin.configurable(denylist=['task', 'seed'])
class GymnasiumEnv(
  episode_sequence.EpisodeSequence, py_environment.PyEnvironment
):
  """A Gymnasium environment.

  Its `terminated` ends an episode with discount 0; its `truncated` alone with
  discount 1, so that a learner bootstraps there. Floats become float32 and
  integers int32, pictures stay uint8. The fields of a `Dict` keep their names,
  those of a `Tuple` are called `part_0`, `part_1` and so on.

  With `reward='success'` the reward is 1 on the first step of an episode whose
  info says that it succeeded, and 0 on all others. A step whose info lacks the
  key says nothing, since some environments tell only at the end; an episode
  without the key in any step is an error.

  Success is then, as in every environment, a return that reaches
  `TrainConfig.success_threshold`. With the environment's own rewards, bind the
  threshold to a return that is a success.

  The episode is a function of `seed`, the number of episodes begun before it
  and the actions, as far as the environment's own is one of its seed.
  """

  def __init__(
    self,
    task: str,
    *,
    kwargs: Mapping[str, Any] | None = None,
    observation: str = 'keep',
    trust_bounds: bool = True,
    reward: str = 'environment',
    success_key: str | None = None,
    end_on_success: bool = True,
    seed: int = 0,
  ):
    """Makes the environment.

    Args:
      task: Id of a registered environment. In `my_module:MyEnv-v0`, the module
        is imported first, so that it can register its own.
      kwargs: Passed to `gymnasium.make`, such as `max_episode_steps`. Its
        checks of the environment are off unless asked for here, since the
        same is checked at each step; `render_mode` is 'rgb_array' where the
        environment's class offers that.
      observation: 'keep', or 'flatten' to one float32 vector in which discrete
        parts are one-hot.
      trust_bounds: Whether floats in observations are declared with the
        space's bounds, and checked; if False, as unbounded.
      reward: 'environment' or 'success'.
      success_key: Key of the info that tells whether the task is done, such as
        'is_success', or 'metrics/success' for one in a dictionary there.
      end_on_success: Whether a success ends the episode. If not, nothing is
        left to gain after it, which the observation may not show. Without
        `success_key` it has no effect.
      seed: Chooses the episodes.

    Raises:
      UnknownEnvironmentError: If nothing of this name is registered, or
        Gymnasium is not installed.
      ValueError: If an argument cannot be, or a space has no spec.
    """
    super().__init__(handle_auto_reset=True)
    _check(task, observation, reward, success_key, seed)
    self._task = task
    self._success_key = success_key
    self._end_on_success = end_on_success
    self._seed = seed
    self._episodes_begun = 0
    self._succeeded: bool | None = None
    self._info: dict[str, Any] = {}
    self._closed = False
    self._env = _make(task, dict(kwargs or {}))
    try:
      self._read_spaces(observation == 'flatten', trust_bounds)
    except BaseException:
      self.close()
      raise

  def _read_spaces(self, flatten: bool, trust_bounds: bool) -> None:
    from awopt_agent.envs import gymnasium_spaces

    self._observation = gymnasium_spaces.read_observation_space(
      self._env.observation_space,
      self._task,
      flatten=flatten,
      trust_bounds=trust_bounds,
    )
    self._action = gymnasium_spaces.read_action_space(
      self._env.action_space, self._task
    )

  @property
  def gymnasium_env(self) -> Any:
    """The environment itself, in its wrappers."""
    return self._env

  def action_spec(self):
    return self._action.spec

  def observation_spec(self):
    return self._observation.spec

  def get_info(self) -> dict[str, Any]:
    """Returns the info of the last step or reset."""
    return self._info

  @property
  def can_render(self) -> bool:
    """Whether `render` gives pictures."""
    return self._env.render_mode == 'rgb_array'

  def render(self, mode: str = 'rgb_array') -> np.ndarray:
    """Returns a picture of the scene, uint8 `[height, width, 3]`.

    Raises:
      ValueError: If the environment gives none.
    """
    if mode != 'rgb_array':
      raise ValueError(f"render mode must be 'rgb_array', got {mode!r}.")
    if not self.can_render:
      raise ValueError(
        f'{self._task} was made with render_mode {self._env.render_mode!r}, '
        f'and offers {self._env.metadata.get("render_modes", [])}; bind '
        "GymnasiumEnv.kwargs = {'render_mode': 'rgb_array'} if it has that."
      )
    with _one_line_errors(self._task):
      picture = np.asarray(self._env.render())
    if picture.dtype != np.uint8 or picture.shape[2:] != (3,):
      raise ValueError(
        f'{self._task} must render uint8 [height, width, 3], got '
        f'{picture.dtype} {list(picture.shape)}; correct its render().'
      )
    return picture

  def close(self) -> None:
    if not self._closed:
      self._closed = True
      self._env.close()

  def _reset(self) -> ts.TimeStep:
    episode = [self._seed, self._episodes_begun]
    self._episodes_begun += 1
    self._succeeded = None
    answer = self._env.reset(seed=_seed_of(episode))
    _check_answer(answer, 2, 'reset', 'observation, info', self._task)
    observation, self._info = answer
    return ts.restart(self._observation.read(observation))

  def _step(self, action: Any) -> ts.TimeStep:
    answer = self._env.step(self._action.write(action))
    names = 'observation, reward, terminated, truncated, info'
    _check_answer(answer, 5, 'step', names, self._task)
    observation, reward, terminated, truncated, self._info = answer
    if self._success_key is not None:
      reward = self._reward_success(self._success_key, terminated or truncated)
      terminated = terminated or (self._end_on_success and reward)
    observation = self._observation.read(observation)
    reward = _as_reward(reward, self._task)
    if terminated:
      return ts.termination(observation, reward)
    if truncated:
      return ts.truncation(observation, reward)
    return ts.transition(observation, reward)

  def _reward_success(self, key: str, is_last: bool) -> float:
    found = _look_up(self._info, key)
    if found is not None:
      before = self._succeeded
      self._succeeded = before or _as_bool(found, key, self._task)
      return float(self._succeeded and not before)
    if is_last and self._succeeded is None:
      raise ValueError(
        f'no step of an episode of {self._task} had {key!r} in its info, whose '
        f'keys are {sorted(map(str, self._info))}; bind '
        'GymnasiumEnv.success_key to one that it has.'
      )
    return 0.0


def _check(task, observation, reward, success_key, seed) -> None:
  for name, value, known in (
    ('observation', observation, _OBSERVATIONS),
    ('reward', reward, _REWARDS),
  ):
    if value not in known:
      raise ValueError(
        f'GymnasiumEnv.{name} must be one of {", ".join(known)}, got {value!r}.'
      )
  if (reward == 'success') != (success_key is not None):
    raise ValueError(
      f'GymnasiumEnv.reward = {reward!r} and success_key = {success_key!r} do '
      f"not go together for {task}; bind reward = 'success' with a "
      'success_key, or neither.'
    )
  if seed < 0:
    raise ValueError(f'seed must be >= 0, got {seed}.')


def _make(task: str, kwargs: dict[str, Any]) -> Any:
  try:
    import gymnasium
  except ImportError as error:
    raise UnknownEnvironmentError(
      "Gymnasium is not installed: pip install 'awopt-agent[gymnasium]'"
    ) from error
  with _without_chatter():
    spec = _find(task)
    with _one_line_errors(task):
      return gymnasium.make(spec, **_with_defaults(kwargs, spec))


def _with_defaults(kwargs: dict[str, Any], spec: Any) -> dict[str, Any]:
  modes = {'render_mode'} & {*kwargs, *spec.kwargs}
  if not modes and 'rgb_array' in _render_modes(spec):
    kwargs = {**kwargs, 'render_mode': 'rgb_array'}
  # Its checks print a wall of warnings; ours raise errors.
  return {'disable_env_checker': True, **kwargs}


def _find(task: str) -> Any:
  """Returns the registered specification; imports its module if it has one."""
  import gymnasium

  module, _, name = task.rpartition(':')
  try:
    if module:
      importlib.import_module(module)
    return gymnasium.spec(name)
  except gymnasium.error.Error as error:
    raise UnknownEnvironmentError(_one_line(error)) from error
  except ModuleNotFoundError as error:
    # Another module that is missing is for the user's module to explain.
    if error.name is None or not f'{module}.'.startswith(f'{error.name}.'):
      raise
    raise UnknownEnvironmentError(
      f'there is no module {error.name!r}: install it, or put its folder on '
      'PYTHONPATH'
    ) from error


def _render_modes(spec: Any) -> list[str]:
  """Returns what an environment's class can render; nothing of a function."""
  from gymnasium.envs import registration

  creator = spec.entry_point
  if isinstance(creator, str):
    creator = registration.load_env_creator(creator)
  return getattr(creator, 'metadata', {}).get('render_modes', [])


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
  """Silences what it warns of for each id, or each space, of a plugin."""
  with warnings.catch_warnings():
    for notice in ('Overriding environment', 'Box .* precision lowered'):
      warnings.filterwarnings('ignore', message=f'.*{notice}')
    yield


@contextlib.contextmanager
def _one_line_errors(task: str) -> Iterator[None]:
  """Turns Gymnasium's own errors, such as a missing library, into one line."""
  import gymnasium

  try:
    yield
  except (gymnasium.error.Error, ImportError) as error:
    raise ValueError(f'{task}: {_one_line(error)}.') from error
  except TypeError as error:
    if 'unexpected keyword argument' not in str(error):
      raise
    raise ValueError(
      f'{task}: {_one_line(error)}; correct GymnasiumEnv.kwargs.'
    ) from error


def _one_line(error: Exception) -> str:
  return ' '.join(str(error).split()).rstrip('.')


def _seed_of(episode: list[int]) -> int:
  """Mixes seed and number of an episode to 31 bits, which a C int holds."""
  return int(np.random.SeedSequence(episode).generate_state(1)[0] >> 1)


def _check_answer(answer, size: int, call: str, names: str, task: str) -> None:
  if not isinstance(answer, tuple) or len(answer) != size:
    found = f'{len(answer)} values' if isinstance(answer, tuple) else 'another'
    raise ValueError(
      f'{task}.{call}() must return ({names}), got {found}; port it to '
      "Gymnasium's API."
    )


def _as_reward(reward: Any, task: str) -> np.ndarray:
  value = np.asarray(reward)
  if value.size == 1 and value.dtype.kind in 'biuf':
    value = value.astype(np.float32).reshape(())
    if np.isfinite(value):
      return value
  raise ValueError(
    f'the reward of {task} must be one finite number, got {reward!r}; correct '
    'its step().'
  )


def _look_up(info: Mapping[str, Any], key: str) -> Any:
  """Returns an entry, or one inside another: 'a/b' is info['a']['b']."""
  if key in info:
    return info[key]
  first, _, rest = key.partition('/')
  inner = info.get(first)
  return _look_up(inner, rest) if rest and isinstance(inner, Mapping) else None


def _as_bool(value: Any, key: str, task: str) -> bool:
  array = np.asarray(value)
  if array.size == 1 and array.dtype.kind in 'biuf' and not np.isnan(array):
    return bool(array.item())
  raise ValueError(
    f'info[{key!r}] of {task} must be one truth value, got {value!r}; bind '
    'GymnasiumEnv.success_key to another key.'
  )
