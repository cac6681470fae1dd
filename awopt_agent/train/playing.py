"""A run of `awopt-demos play`: films episodes, whoever acts in them."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from awopt_agent import envs
from awopt_agent.demos import reader
from awopt_agent.train import acting, captions, films, videos

__all__ = ['play']

Films = Iterator[films.Film]

_SHEET_COLUMNS = 6
_FILMED, _TRIED = 2, 20


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
  acting.check_flags(flags)
  is_sheet = videos.ending(flags.out) == '.png'
  episodes = flags.episodes or (_TRIED if is_sheet else _FILMED)
  tally = _Tally()
  shows = [
    tally.count(title, shown) for title, shown in _shows(flags, episodes)
  ]
  frames = _sheet(shows) if is_sheet else _video(shows)
  videos.write(flags.out, frames)
  return f'{flags.out}: {tally}'


def _shows(flags, episodes: int) -> list[tuple[str, Films]]:
  """Returns titles and films, which are made only when they are taken."""
  if flags.demos:
    found = reader.read_episodes(flags.demos, flags.split)
    title = os.path.basename(os.path.abspath(flags.demos))
    return [(title, _replayed(found, title, episodes))]
  make_actor, given = acting.choose_actor(flags)
  given.update(acting.given(flags, acting.ENVIRONMENT))
  given['seed'] = flags.seed
  return [
    (task, _played(make_actor, task, given, episodes))
    for task in _tasks(flags, given)
  ]


def _tasks(flags, given: dict[str, Any]) -> list[str]:
  """Returns the tasks in turn; tries each, so that errors come first."""
  tasks = [
    name
    for task in flags.task or [acting.configured_task()]
    for name in (envs.TASKS if task == 'all' else [task])
  ]
  for task in tasks:
    envs.make(task, **given).close()
  return list(dict.fromkeys(tasks))


def _played(
  make_actor: acting.MakeActor, task: str, given, episodes: int
) -> Films:
  with contextlib.closing(envs.make(task, **given)) as env:
    actor = make_actor(env, 0)
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
