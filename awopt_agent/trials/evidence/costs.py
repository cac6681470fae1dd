"""What suites cost, and how far they are."""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from awopt_agent import resources
from awopt_agent.trials import records, suite

__all__ = ['Cost', 'costs', 'suite_names']

# It shows that programs run, and nothing of methods.
_NO_RESULT = ('smoke',)


class Cost(NamedTuple):
  """What a suite cost.

  Attributes:
    suite: Its name.
    trials: How many it has; other suites may share them.
    done: How many of them have a record.
    core_minutes: Those took, together.
  """

  suite: str
  trials: int
  done: int
  core_minutes: float


def suite_names() -> list[str]:
  """Returns the suites that have results, sorted."""
  folder = os.path.join(resources.gin_root(), 'suite')
  names = (file.removesuffix('.gin') for file in os.listdir(folder))
  return sorted(set(names) - set(_NO_RESULT))


def costs(found: Iterable[records.Record], names: Sequence[str]) -> list[Cost]:
  """Returns what suites cost.

  Args:
    found: All records.
    names: Of suites.

  Raises:
    ValueError: If there is no such suite.
  """
  minutes = {record.trial: record.core_s / 60 for record in found}
  return [_cost(name, minutes) for name in names]


def _cost(name: str, minutes: dict[str, float]) -> Cost:
  trials = [trial.name for trial in suite.load([name])]
  spent = [minutes[trial] for trial in trials if trial in minutes]
  return Cost(name, len(trials), len(spent), sum(spent))
