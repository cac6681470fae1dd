"""Suites: which methods are run where, and with how many seeds."""

import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import gin

from awopt_agent.train import config

__all__ = [
  'Evaluation',
  'Grid',
  'Suite',
  'Trial',
  'load',
  'method_file',
  'sweep',
]

# Names become names of folders.
_NAME = re.compile(r'[\w.=-]+')
_PEER = 'd3rlpy_'


def method_file(variant: str) -> str:
  """Returns the gin file of a method, below the project's `gin/`."""
  if variant.startswith(_PEER):
    return f'peer/{variant.removeprefix(_PEER)}.gin'
  return f'variant/{variant}.gin'


@gin.configurable
@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What awopt-evaluate measures once a training has ended.

  Attributes:
    bindings: By which the environment is another one.
    episodes: How many.
  """

  bindings: Sequence[str] = gin.REQUIRED
  episodes: int = 700


@dataclasses.dataclass(frozen=True)
class Trial:
  """One run: a method in a setting, with a seed.

  Attributes:
    grid: Name of the setting.
    task: Name of the task.
    variant: Name of the method.
    seed: Of the run.
    gin_files: All of them, in order.
    bindings: After those files.
    demos: Commands of awopt-demos that make its demonstrations.
    evaluation: After the training, if any.
  """

  grid: str
  task: str
  variant: str
  seed: int
  gin_files: tuple[str, ...]
  bindings: tuple[str, ...]
  demos: tuple[str, ...]
  evaluation: Evaluation | None

  @property
  def name(self) -> str:
    return f'{self.grid}/{self.variant}/{self.seed}'

  @property
  def peer(self) -> str | None:
    """Name of the algorithm of d3rlpy, where the method is one."""
    if not self.variant.startswith(_PEER):
      return None
    return self.variant.removeprefix(_PEER)


@gin.configurable
@dataclasses.dataclass(frozen=True)
class Grid:
  """A setting, and which methods run in it.

  Attributes:
    name: Of the setting; two suites that have the same share its trials.
    task: Such as `compostables`, of `task/compostables.gin`.
    variants: Such as `awopt`, of `variant/awopt.gin`, or `d3rlpy_awac`, of
      `peer/awac.gin`.
    seeds: Of the runs.
    gin_files: Before those of task and variant.
    bindings: After those of task and variant.
    demos: Commands of awopt-demos, with folders below the trials' own, whose
      `--out` the bindings name as demonstrations.
    evaluation: What is measured after the training.
  """

  name: str = gin.REQUIRED
  task: str = gin.REQUIRED
  variants: Sequence[str] = gin.REQUIRED
  seeds: Sequence[int] = (0, 1, 2)
  gin_files: Sequence[str] = ()
  bindings: Sequence[str] = ()
  demos: Sequence[str] = ()
  evaluation: Evaluation | None = None

  def __post_init__(self):
    for name in (self.name, self.task, *self.variants):
      if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
          f'Grid needs names of letters, digits and _.=-, got {name!r}; bind '
          'Grid.name, Grid.task and Grid.variants to such.'
        )
    if not all(isinstance(seed, int) and seed >= 0 for seed in self.seeds):
      raise ValueError(
        f'Grid.seeds must be integers of at least 0, got {self.seeds!r}.'
      )

  def trial(self, variant: str, seed: int) -> Trial:
    """Returns a trial of this setting."""
    task = f'task/{self.task}.gin'
    files = [*self.gin_files, task, method_file(variant)]
    return Trial(
      grid=self.name,
      task=self.task,
      variant=variant,
      seed=seed,
      gin_files=tuple(files),
      bindings=tuple(self.bindings),
      demos=tuple(self.demos),
      evaluation=self.evaluation,
    )


@gin.configurable
def sweep(
  grid: Grid, *, name: str, binding: str, values: Sequence[Any]
) -> tuple[Grid, ...]:
  """Returns a setting for each value of a hyperparameter.

  Args:
    grid: That they vary.
    name: Of the hyperparameter, for the settings' names.
    binding: With `{}` in the value's place.
    values: To be swept.
  """
  return tuple(
    dataclasses.replace(
      grid,
      name=f'{grid.name}_{name}_{value}',
      bindings=(*grid.bindings, binding.format(value)),
    )
    for value in values
  )


@gin.configurable
@dataclasses.dataclass(frozen=True)
class Suite:
  """What a figure or a table needs.

  Attributes:
    grids: Settings, or sequences of them.
    suites: Names of suites that are part of this one, before its own.
  """

  grids: Sequence[Grid | Sequence[Grid]] = ()
  suites: Sequence[str] = ()

  def trials(self) -> Iterator[Trial]:
    """Yields the trials of its grids: one seed of all, then the next."""
    grids: list[Grid] = []
    for grid in self.grids:
      grids += [grid] if isinstance(grid, Grid) else grid
    rounds = max((len(grid.seeds) for grid in grids), default=0)
    for place in range(rounds):
      for grid in grids:
        for seed in grid.seeds[place : place + 1]:
          for variant in grid.variants:
            yield grid.trial(variant, seed)


def load(names: Sequence[str]) -> list[Trial]:
  """Returns the trials of suites, each once, in the order of the suites.

  Args:
    names: Such as `figure_2`, of `suite/figure_2.gin`, or gin files.

  Raises:
    ValueError: If there is no such suite, it has no trials, or two of them mean
      different trials by one name.
  """
  found: dict[str, Trial] = {}
  for name in names:
    for trial in _trials(name, ()):
      if found.setdefault(trial.name, trial) != trial:
        raise ValueError(
          f'the trial {trial.name} is another one in the suite {name} than in '
          'one before it; give one of their grids another Grid.name.'
        )
  if not found:
    raise ValueError(
      f'the suite {" ".join(names)} has no trials; bind Suite.grids.'
    )
  return list(found.values())


def _trials(name: str, within: tuple[str, ...]) -> Iterator[Trial]:
  if name in within:
    raise ValueError(
      f'the suite {name} is part of itself; see Suite.suites of '
      f'{" -> ".join(within)}.'
    )
  path = name if name.endswith('.gin') else os.path.join('suite', f'{name}.gin')
  config.load([path], [])
  suite = Suite()
  for part in suite.suites:
    yield from _trials(part, (*within, name))
  yield from suite.trials()
