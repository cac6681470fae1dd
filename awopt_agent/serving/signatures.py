"""What an export's signatures take and return, as its `specs.json` says."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from awopt_agent.serving import parts as parts_lib

__all__ = [
  'ACTION',
  'DEFAULT',
  'ENCODED',
  'INITIAL_STATE',
  'PRACTICE',
  'Q_VALUES',
  'SCORE',
  'STATEFUL',
  'WITH_SCORE',
  'Signature',
  'as_records',
  'from_records',
]

# Names of signatures. Those of the default policy:
DEFAULT = 'serving_default'
ACTION = 'action'
# The critic's; also the name of its only output.
Q_VALUES = 'q_values'
# The collect policy's.
PRACTICE = 'practice'
# What stands behind the name of a policy kind, or of another signature.
WITH_SCORE = '_with_score'
ENCODED = '_encoded'
STATEFUL = '_stateful'
INITIAL_STATE = '_initial_state'
# An output: the critic's value of the action beside it.
SCORE = 'score'


class Signature(NamedTuple):
  """A function of a SavedModel.

  Attributes:
    inputs: What it takes.
    outputs: What it returns, always `[B, ...]`.
    batched: Whether inputs are `[B, ...]` of their parts' shapes, as all are
      but the batch size that an initial state is asked for.
  """

  inputs: tuple[parts_lib.Part, ...]
  outputs: tuple[parts_lib.Part, ...]
  batched: bool = True


def as_records(signatures: Mapping[str, Signature]) -> dict[str, Any]:
  """Returns what JSON can hold."""
  return {
    name: {
      'inputs': [part.as_record() for part in signature.inputs],
      'outputs': [part.as_record() for part in signature.outputs],
      'batched': signature.batched,
    }
    for name, signature in signatures.items()
  }


def from_records(records: Mapping[str, Any]) -> dict[str, Signature]:
  """Returns the signatures that `as_records` recorded."""
  return {
    name: Signature(
      inputs=_parts(record['inputs']),
      outputs=_parts(record['outputs']),
      batched=record['batched'],
    )
    for name, record in records.items()
  }


def _parts(records: Sequence[Mapping[str, Any]]) -> tuple[parts_lib.Part, ...]:
  return tuple(map(parts_lib.from_record, records))
