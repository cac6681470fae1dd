"""The flags of awopt-demos."""

import argparse
from collections.abc import Sequence

from awopt_agent.train import command_line

__all__ = ['parse']


def parse(arguments: Sequence[str]) -> argparse.Namespace:
  """Returns the flags of a verb; bad usage ends the program."""
  parser = command_line.Parser(
    'awopt-demos',
    description='Records demonstrations, says what is in them, and films.',
  )
  verbs = parser.add_subparsers(dest='verb', required=True)
  record = verbs.add_parser('record', help='record a scripted expert')
  record.add_argument('--task', default='green_bowl')
  record.add_argument('--episodes', type=int, default=120, help='to keep')
  record.add_argument('--out', required=True, help='folder; names the set')
  record.add_argument('--all', action='store_true', help='failures too')
  play = verbs.add_parser('play', help='film episodes, whoever acts')
  _add_play_flags(play)
  for verb in (record, play):
    _add_environment_flags(verb)
  _add_reading_verbs(verbs)
  flags = parser.parse_args(arguments)
  if flags.verb not in ('record', 'play'):
    return flags
  if (flags.episodes is not None and flags.episodes < 1) or flags.seed < 0:
    parser.error('--episodes must be at least 1, and --seed at least 0')
  return flags


def _add_reading_verbs(verbs) -> None:
  inspect = verbs.add_parser('inspect', help='print what is in a set')
  inspect.add_argument('--split', default='train', help='such as train[:6]')
  inspect.add_argument('--html', help='write a page with pictures here')
  validate = verbs.add_parser('validate', help='find what would spoil training')
  validate.add_argument('--split', action='append', help='default: all')
  validate.add_argument('--json', help='write the findings here too')
  for verb in (inspect, validate):
    verb.add_argument('source', help='folder, or name of a TFDS set')
    command_line.add_gin_flags(verb)


def _add_environment_flags(verb) -> None:
  verb.add_argument('--robot', help='kuka or panda')
  verb.add_argument('--world', help='sim or real')
  verb.add_argument('--observation', help='state, image or both')
  verb.add_argument('--seed', type=int, default=0)
  verb.add_argument('--noise', type=float, help='sigma, in action units')
  verb.add_argument('--bias_m', type=float, help='sigma of the aim, metres')
  command_line.add_gin_flags(verb)


def _add_play_flags(play) -> None:
  play.add_argument('--out', required=True, help='.mp4, .gif, or .png: a sheet')
  who = play.add_mutually_exclusive_group()
  who.add_argument('--policy', help='folder of an export; default: an expert')
  who.add_argument('--random', action='store_true', help='act by chance')
  who.add_argument('--demos', help='show what a set holds instead')
  play.add_argument('--policy_kind', help='actor, cem or cem_with_candidate')
  play.add_argument('--split', default='train', help='of --demos')
  play.add_argument('--task', action='append', help="repeatable, or 'all'")
  play.add_argument('--episodes', type=int, help='to film or, for a .png, try')
