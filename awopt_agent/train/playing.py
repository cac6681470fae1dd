"""A run of `awopt-demos play`: films episodes, whoever acts in them."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import gin
import numpy as np
from tf_agents.specs import array_spec

from awopt_agent import envs
from awopt_agent.demos import reader, recorder
from awopt_agent.envs import experts
from awopt_agent.serving import layout
from awopt_agent.serving import predictor as predictor_lib
from awopt_agent.train import captions, films, recording, videos

__all__ = ['PolicyActor', 'RandomActor', 'play']

Films = Iterator[films.Film]
MakeActor = Callable[[envs.GraspEnv], recorder.Expert]

_DEFAULT_TASK = 'green_bowl'
_SHEET_COLUMNS = 6
_FILMED, _TRIED = 2, 20
# Flags that the others, and not the expert, have no use for.
_EXPERTS = ('noise', 'bias_m')
_IDLE = {
  'policy': _EXPERTS,
  'random': _EXPERTS,
  'demos': (*_EXPERTS, 'task', 'robot', 'world', 'observation'),
}


class RandomActor:
  """Acts by chance, and never ends an episode itself.

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
    return {**action, 'terminate': np.int32(0)}


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
    # A person may look at more than the policy does.
    needed = {part.name for part in self._predictor.observation_spec}
    seen = {name: observation[name] for name in needed & set(observation)}
    action = self._predictor.predict(seen)
    if self._predictor.has_q_value:
      self.q = float(self._predictor.q_value(seen, action))
    return action


class _Tally:
  """Counts films on their way, by title."""

  def __init__(self):
    self._counts: dict[str, list[bool]] = {}

  def count(self, title: str, shown: Films) -> Films:
    successes = self._counts.setdefault(title, [])
    for film in shown:
      successes.append(film.success)
      yield film

  def __str__(self) -> str:
    return '; '.join(
      f'{title} {sum(successes)} of {len(successes)} succeeded'
      for title, successes in self._counts.items()
    )


def play(flags) -> str:
  """Films a scripted expert, a policy, chance, or a data set.

  Args:
    flags: Of `awopt-demos play`.

  Returns:
    The line that says what was filmed.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  _check(flags)
  is_sheet = videos.ending(flags.out) == '.png'
  episodes = flags.episodes or (_TRIED if is_sheet else _FILMED)
  tally = _Tally()
  shows = [
    tally.count(title, shown) for title, shown in _shows(flags, episodes)
  ]
  frames = _sheet(shows) if is_sheet else _video(shows)
  videos.write(flags.out, frames)
  return f'{flags.out}: {tally}'


def _check(flags) -> None:
  for who, names in _IDLE.items():
    for name in names:
      if getattr(flags, who) and getattr(flags, name) is not None:
        raise ValueError(f'--{name} has no effect on --{who}; leave it out.')


def _shows(flags, episodes: int) -> list[tuple[str, Films]]:
  """Returns titles and films, which are made only when they are taken."""
  if flags.demos:
    found = reader.read_episodes(flags.demos, flags.split)
    title = os.path.basename(os.path.abspath(flags.demos))
    return [(title, _replayed(found, title, episodes))]
  make_actor, given = _choose_actor(flags)
  given.update(recording.given(flags, recording.ENVIRONMENT))
  given['seed'] = flags.seed
  return [
    (task, _played(make_actor, task, given, episodes))
    for task in _tasks(flags, given)
  ]


def _choose_actor(flags) -> tuple[MakeActor, dict[str, Any]]:
  """Returns who acts, and what it asks of the environment."""
  if flags.policy:
    predictor = predictor_lib.Predictor(flags.policy, policy=flags.policy_kind)
    _configure_as(predictor)
    actor = PolicyActor(predictor)
    observed = _observed_by(predictor)
    if flags.observation not in (None, observed, 'both'):
      raise ValueError(
        f'the policy in {flags.policy} observes {observed!r}, not '
        f"{flags.observation!r}; leave --observation out, or pass 'both'."
      )
    return lambda env: actor, {'observation': observed}
  if flags.random:
    return lambda env: RandomActor(env.action_spec(), flags.seed), {}
  config = recording.expert_config(flags)
  return (
    lambda env: experts.make_expert(
      env, config, np.random.default_rng(flags.seed)
    )
  ), {}


def _configure_as(predictor: predictor_lib.Predictor) -> None:
  """Makes environments what they were when the policy was trained."""
  path = os.path.join(predictor.folder, layout.CONFIG)
  with open(path, encoding='utf-8') as file:
    text = file.read()
  gin.clear_config()
  # Networks and learning are of no concern here.
  gin.parse_config(text, skip_unknown=True)


def _observed_by(predictor: predictor_lib.Predictor) -> str:
  names = {part.name for part in predictor.observation_spec}
  if 'image' not in names:
    return 'state'
  return 'both' if 'objects' in names else 'image'


def _tasks(flags, given: dict[str, Any]) -> list[str]:
  """Returns the tasks in turn; tries each, so that errors come first."""
  tasks = [
    name
    for task in flags.task or [_configured_task()]
    for name in (envs.TASKS if task == 'all' else [task])
  ]
  for task in tasks:
    envs.make(task, **given).close()
  return list(dict.fromkeys(tasks))


def _configured_task() -> str:
  try:
    return gin.query_parameter('awopt_agent.envs.make.task')
  except ValueError:  # Nothing is bound, or all but the task.
    return _DEFAULT_TASK


def _played(make_actor: MakeActor, task: str, given, episodes: int) -> Films:
  with contextlib.closing(envs.make(task, **given)) as env:
    actor = make_actor(env)
    for number in range(1, episodes + 1):
      yield films.play(env, actor, task, number)


def _replayed(found, title: str, episodes: int) -> Films:
  for number in range(1, episodes + 1):
    episode = next(found, None)
    if episode is None:
      return
    yield films.replay(episode, title, number)


def _video(shows: list[Films]) -> Iterator[np.ndarray]:
  for shown in shows:
    for film in shown:
      pictures = [captions.draw(frame) for frame in film.frames]
      yield from pictures + pictures[-1:] * videos.HELD_FRAMES


def _sheet(shows: list[Films]) -> Iterator[np.ndarray]:
  """Yields one picture: a row of each show's first success."""
  rows = []
  for shown in shows:
    film = _first_success(shown)
    last = len(film.frames) - 1
    steps = np.linspace(0, last, min(last + 1, _SHEET_COLUMNS)).round()
    rows.append([captions.draw(film.frames[int(step)]) for step in steps])
  yield captions.contact_sheet(rows)


def _first_success(shown: Films) -> films.Film:
  """Returns the first film of a success, or else the last film."""
  for film in shown:
    if film.success:
      break
  return film
