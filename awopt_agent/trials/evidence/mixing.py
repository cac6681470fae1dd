"""Which records must not be compared: those of other code or other settings."""

import itertools
from collections.abc import Iterable, Sequence

from awopt_agent.train import config
from awopt_agent.trials import records, settings, suite

__all__ = ['mixture']


def mixture(found: Sequence[records.Record]) -> str | None:
  """Says why records of one setting must not be compared.

  Args:
    found: Of any methods and seeds.

  Returns:
    The first reason, or None if they differ in nothing but the method, which
    may bind what its gin file binds, and the seed.
  """
  for one, other in itertools.pairwise(found):
    names = f'{one.trial} and {other.trial}'
    if one.sources != other.sources:
      return f'{names} are of different code or demonstrations'
    if one.variant == other.variant and one.settings != other.settings:
      return f'{names} have different settings'
    for library in sorted(one.versions.keys() & other.versions.keys()):
      old, new = one.versions[library], other.versions[library]
      if old != new:
        return f'{names} are of {library} {old} and {new}'
  variants = {record.variant: record for record in found}.values()
  may_differ = set(_bound_by_variants(variants))
  for one, other in itertools.pairwise(variants):
    before, after = (config.parameters(r.config) for r in (one, other))
    for name in sorted(before.keys() & after.keys() - may_differ):
      if before[name] != after[name]:
        return f'{one.trial} and {other.trial} differ in {name}'
  return None


def _bound_by_variants(found: Iterable[records.Record]) -> Iterable[str]:
  for record in found:
    yield from settings.bound([suite.method_file(record.variant)])
