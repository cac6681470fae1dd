"""Which roles a run has, and the command of each."""

import dataclasses
from collections.abc import Sequence

__all__ = ['Role', 'make_plan']


@dataclasses.dataclass(frozen=True)
class Role:
  """One process of a run.

  Attributes:
    name: Of the process, such as 'collector-1'.
    kind: Of the role, such as 'collector'.
    arguments: Of `awopt-role`.
    decides: Whether the run is over when this role has come to its end; the
      others are stopped then.
    stop_order: Those of the lowest number are stopped first.
    stop_limit_s: Seconds that it may take to save and stop.
  """

  name: str
  kind: str
  arguments: tuple[str, ...]
  decides: bool = False
  stop_order: int = 0
  stop_limit_s: float = 45.0


def make_plan(
  *,
  common: Sequence[str],
  replay_address: str,
  collectors: int,
  bellman_updaters: int,
  evaluator: bool = True,
) -> list[Role]:
  """Returns the roles, in the order in which they are started.

  Args:
    common: Arguments that every role takes.
    replay_address: `host:port`.
    collectors: How many.
    bellman_updaters: How many; with none the learner computes its targets.
    evaluator: Whether there is one.
  """
  port = replay_address.rpartition(':')[2]
  reach = (*common, '--replay_address', replay_address)
  targets = 'updaters' if bellman_updaters else 'own'
  plan = [
    Role('replay', 'replay', ('replay', *common, '--port', port), stop_order=3),
    Role(
      'learner',
      'learner',
      ('learner', *reach, '--targets', targets),
      decides=True,
      stop_order=1,
      stop_limit_s=300.0,
    ),
  ]
  # A learner whose updaters are gone waits for a batch before it can save.
  for kind, count, stop_order in (
    ('collector', collectors, 0),
    ('bellman_updater', bellman_updaters, 2),
  ):
    plan += [
      Role(
        f'{kind}-{i}',
        kind,
        (kind, *reach, '--index', str(i)),
        stop_order=stop_order,
      )
      for i in range(count)
    ]
  if evaluator:
    plan.append(
      Role('evaluator', 'evaluator', ('evaluator', *reach), decides=True)
    )
  return plan
