"""Who acts where `awopt-demos` records or films: expert, policy or chance."""

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import gin
import numpy as np
from tf_agents.specs import array_spec

from awopt_agent import envs
from awopt_agent.demos import recorder
from awopt_agent.envs import experts
from awopt_agent.serving import layout
from awopt_agent.serving import predictor as predictor_lib
from awopt_agent.train import config as config_lib

__all__ = [
  'ENVIRONMENT',
  'MakeActor',
  'PolicyActor',
  'RandomActor',
  'check_flags',
  'choose_actor',
  'configured_task',
  'expert_config',
  'given',
]

# Of an environment, and of how many episodes were recorded before.
MakeActor = Callable[[Any, int], recorder.Expert]

# Flags of what `envs.make` takes; those that are not given are its defaults.
ENVIRONMENT = ('robot', 'world', 'observation')

# The part of a grasp's action that ends the episode.
_END = 'terminate'
_DEFAULT_TASK = 'green_bowl'
# Flags that the others, and not the expert, have no use for.
_EXPERTS = ('noise', 'bias_m')
_IDLE = {
  'policy': _EXPERTS,
  'random': _EXPERTS,
  'demos': (*_EXPERTS, 'task', 'robot', 'world', 'observation'),
}


class RandomActor:
  """Acts by chance, and never ends a grasp itself.

  A fair coin for `terminate` would end most of them within two steps.
  """

  def __init__(self, action_spec: Any, seed: int):
    """Begins its stream of chance."""
    self._spec = action_spec
    self._rng = np.random.RandomState(seed)

  def reset(self) -> None:
    """Does nothing: the stream goes on."""

  def action(self, observation: Any) -> Any:
    del observation  # It does not look.
    action = array_spec.sample_spec_nest(self._spec, self._rng)
    if isinstance(action, dict) and _END in action:
      return {**action, _END: np.int32(0)}
    return action


class PolicyActor:
  """Acts by an exported policy.

  Attributes:
    q: The critic's value of the last action, return units; None before the
      first one, and for an export that has no values.
  """

  def __init__(self, predictor: predictor_lib.Predictor):
    """Keeps the policy."""
    self._predictor = predictor
    self.q: float | None = None

  def reset(self) -> None:
    """Forgets the last action's value; policies keep no state."""
    self.q = None

  def action(self, observation: Any) -> Any:
    seen = self._needed(observation)
    action = self._predictor.predict(seen)
    if self._predictor.has_q_value:
      self.q = float(self._predictor.q_value(seen, action))
    return action

  def _needed(self, observation: Any) -> Any:
    # A person may look at more than the policy does.
    if not isinstance(observation, dict):
      return observation
    needed = {part.path[0] for part in self._predictor.observation_spec}
    return {name: observation[name] for name in needed & set(observation)}


def check_flags(flags) -> None:
  """Refuses flags that would have no effect.

  Raises:
    ValueError: Naming one.
  """
  for who, names in _IDLE.items():
    for name in names:
      if getattr(flags, who, None) and getattr(flags, name) is not None:
        raise ValueError(f'--{name} has no effect on --{who}; leave it out.')


def expert_config(flags) -> experts.ExpertConfig:
  """Returns what --noise and --bias_m ask for; the rest is the default.

  Raises:
    ValueError: If one is negative.
  """
  return experts.ExpertConfig(**given(flags, ('noise', 'bias_m')))


def given(flags, names: Sequence[str]) -> dict[str, Any]:
  """Returns the flags of these names that the user gave."""
  values = {name: getattr(flags, name) for name in names}
  return {name: value for name, value in values.items() if value is not None}


def choose_actor(flags) -> tuple[MakeActor, dict[str, Any]]:
  """Returns who acts, and what it asks of the environment.

  Args:
    flags: Of `awopt-demos`: --policy, --random, or else of an expert.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  if flags.policy:
    return _choose_policy(flags)
  if flags.random:
    return (
      lambda env, before: RandomActor(env.action_spec(), flags.seed + before)
    ), {}
  config = expert_config(flags)
  return functools.partial(_make_expert, config, flags.seed), {}


def _choose_policy(flags) -> tuple[MakeActor, dict[str, Any]]:
  predictor = predictor_lib.Predictor(flags.policy, policy=flags.policy_kind)
  _configure_as(predictor, flags)
  actor = PolicyActor(predictor)
  if configured_task() not in envs.TASKS:
    return lambda env, before: actor, {}
  observed = _observed_by(predictor)
  if flags.observation not in (None, observed, 'both'):
    raise ValueError(
      f'the policy in {flags.policy} observes {observed!r}, not '
      f"{flags.observation!r}; leave --observation out, or pass 'both'."
    )
  return lambda env, before: actor, {'observation': observed}


def _make_expert(config, seed: int, env, before: int) -> recorder.Expert:
  if not isinstance(env, envs.GraspEnv):
    raise ValueError(
      'there is no expert for a Gymnasium environment; record a --policy, or '
      'chance by --random.'
    )
  # Another stream for what is appended.
  rng = np.random.default_rng([seed, before] if before else seed)
  return experts.make_expert(env, config, rng)


def _configure_as(predictor: predictor_lib.Predictor, flags) -> None:
  """Makes environments what they were in training, but for what flags bind."""
  path = os.path.join(predictor.folder, layout.CONFIG)
  with open(path, encoding='utf-8') as file:
    text = file.read()
  gin.clear_config()
  # Networks and learning are of no concern here.
  gin.parse_config(text, skip_unknown=True)
  gin.parse_config_files_and_bindings(flags.gin_file, flags.gin_bindings)


def _observed_by(predictor: predictor_lib.Predictor) -> str:
  names = {part.name for part in predictor.observation_spec}
  if 'image' not in names:
    return 'state'
  return 'both' if 'objects' in names else 'image'


def configured_task() -> str:
  """Returns the task that gin binds, or the default."""
  return config_lib.bound('awopt_agent.envs.make.task', _DEFAULT_TASK)
