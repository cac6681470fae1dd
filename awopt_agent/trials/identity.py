"""What a trial would be, run now: by it results are told apart."""

import dataclasses
import shlex
from collections.abc import Callable, Sequence

from awopt_agent.trials import settings, sources, suite

__all__ = ['Identity', 'made', 'of', 'out_of']

_TRAINING = ('awopt_agent.train.session',)
_DEMOS = ('awopt_agent.train.recording', 'awopt_agent.train.rewriting')
_EVALUATION = ('awopt_agent.train.measuring',)
# A peer's own process imports by bare names, which tell no package.
_PEERS = (
  'awopt_agent.trials.peers.train',
  'awopt_agent.trials.peers.worker.algorithms',
  'awopt_agent.trials.peers.worker.program',
  'awopt_agent.trials.peers.worker.replay',
)


@dataclasses.dataclass(frozen=True)
class Identity:
  """Two fingerprints; results differ by chance alone where both are the same.

  Attributes:
    sources: Of the training's code and the demonstrations.
    settings: Of what is bound, of how it is evaluated after the training, and
      of a peer's code.
  """

  sources: str
  settings: str


def of(
  trial: suite.Trial, code: Callable[[Sequence[str]], str] = sources.code
) -> Identity:
  """Returns the identity of a trial that would be run now.

  Args:
    trial: Of a suite.
    code: Sums up the code below some modules; for many trials, one that
      remembers.

  Raises:
    ValueError: If one of its gin files does not exist, or is none.
  """
  bound = settings.bound(trial.gin_files, trial.bindings)
  sums = made(trial.demos, code)
  sets = [
    sums[source] if source in sums else sources.files_of(source)
    for source in settings.demonstrations(bound)
  ]
  parts = [f'{name} = {value}' for name, value in bound.items()]
  if trial.evaluation:
    parts += [code(_EVALUATION), str(trial.evaluation.episodes)]
    parts += trial.evaluation.bindings
  if trial.peer:
    parts += [trial.peer, code(_PEERS)]
  return Identity(
    sources=sources.digest([code(_TRAINING), *sets]),
    settings=sources.digest(parts),
  )


def made(
  demos: Sequence[str], code: Callable[[Sequence[str]], str] = sources.code
) -> dict[str, str]:
  """Returns the sums of sets that commands of awopt-demos make.

  The same commands of the same code make the same set, byte for byte.

  Args:
    demos: Commands; one may read what those before it made.
    code: As `of` takes it.

  Returns:
    Of each set's folder, the sum.
  """
  return {
    out_of(command): sources.digest([*demos[: place + 1], code(_DEMOS)])
    for place, command in enumerate(demos)
  }


def out_of(command: str) -> str:
  """Returns the folder of the set that a command of awopt-demos makes.

  Raises:
    ValueError: If it names none.
  """
  words = shlex.split(command)
  if '--out' not in words[:-1]:
    raise ValueError(
      f'Grid.demos has the command {command!r} without --out; name the folder '
      'of the set, such as --out demos/mine.'
    )
  return words[words.index('--out') + 1]
