"""Films of a run before and after practice, on the same episodes.

  python -m awopt_agent.trials.evidence.films RUN FILM

where RUN is the root_dir of a run that exported both policies: awopt-train with
`TrainConfig.practice_episodes = 0`, then again with more. The report takes up
what stands in `docs/results/films/`; `make films` makes those.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence

import gin
import numpy as np

from awopt_agent import envs
from awopt_agent.serving import predictor
from awopt_agent.train import (
  acting,
  captions,
  command_line,
  run_folder,
  videos,
)
from awopt_agent.train import films as films_lib

__all__ = ['film', 'main']

_EPISODES = 3
# An actor is judged before practice, the headline after it.
_BEFORE = 'actor'


def film(
  root_dir: str, path: str, *, episodes: int = _EPISODES, seed: int = 0
) -> str:
  """Films the first and the last policy of a run, side by side.

  Args:
    root_dir: Of a run with two exported policies or more, of a grasping task.
    path: Of the file; its ending names the format.
    episodes: How many.
    seed: Of the episodes.

  Returns:
    The line that says what was filmed.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  folder = run_folder.RunFolder(root_dir)
  first, last = _versions(folder.policies)
  gin.clear_config()
  # Networks and learning are of no concern here.
  gin.parse_config(folder.config(), skip_unknown=True)
  sides = [
    _play(os.path.join(folder.policies, step), kind, title, episodes, seed)
    for step, kind, title in (
      (first, _BEFORE, 'before practice'),
      (last, None, 'after practice'),
    )
  ]
  videos.write(path, _beside(sides))
  counts = [sum(film.success for film in side) for side in sides]
  return (
    f'{path}: {counts[0]} of {episodes} succeeded before practice, {counts[1]} '
    'after'
  )


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  parser = command_line.Parser(
    'awopt_agent.trials.evidence.films', description=__doc__
  )
  parser.add_argument('run', help='root_dir of a run with two policies')
  parser.add_argument('film', help='file to write; .mp4 for the report')
  parser.add_argument('--episodes', type=int, default=_EPISODES)
  parser.add_argument('--seed', type=int, default=0, help='of the episodes')
  flags = parser.parse_args()
  if flags.episodes < 1:
    parser.error('--episodes must be at least 1')
  with command_line.one_line_errors('awopt_agent.trials.evidence.films'):
    line = film(flags.run, flags.film, episodes=flags.episodes, seed=flags.seed)
    print(line)


def _versions(policies: str) -> tuple[str, str]:
  names = os.listdir(policies) if os.path.isdir(policies) else []
  steps = sorted((name for name in names if name.isdigit()), key=int)
  if len(steps) < 2:
    raise ValueError(
      f'{policies} holds {len(steps)} of the two policies to film; train with '
      'TrainConfig.practice_episodes = 0 first, then with more.'
    )
  return steps[0], steps[-1]


def _play(
  policy: str, kind: str | None, title: str, episodes: int, seed: int
) -> list[films_lib.Film]:
  actor = acting.PolicyActor(predictor.Predictor(policy, policy=kind))
  with contextlib.closing(envs.make(seed=seed)) as env:
    return [
      films_lib.play(env, actor, title, number)
      for number in range(1, episodes + 1)
    ]


def _beside(sides: Sequence[Sequence[films_lib.Film]]) -> Iterator[np.ndarray]:
  """Yields frames of both sides; who ends first waits for the other."""
  for pair in zip(*sides, strict=True):
    drawn = [[captions.draw(frame) for frame in one.frames] for one in pair]
    length = max(map(len, drawn)) + videos.HELD_FRAMES
    for step in range(length):
      yield np.concatenate(
        [frames[min(step, len(frames) - 1)] for frames in drawn], axis=1
      )


if __name__ == '__main__':
  main()
