"""The claims that a reproduction should test, fixed before the results.

A claim is a list of parts, each a number and where it must lie: it holds if its
90% interval lies there, it does not if the interval lies outside, and else we
cannot tell. A claim holds if all its parts hold.

The paper tells of means at the end of 200,000 episodes. A task that all solve
in the end shows nothing there, so methods are compared by their mean success
over practice, and by the end where the claim is about the end.
"""

import dataclasses
import math

from awopt_agent.trials.evidence import figures

__all__ = [
  'CLAIMS',
  'LARGE_DEVIATION',
  'MARGIN',
  'MUST_SHOW',
  'NEGLIGIBLE',
  'Claim',
  'Part',
  'Side',
]

# Below it, a success rate is about 0, and nothing is lost.
NEGLIGIBLE = 0.05
# Within it, rates are about equal; beyond it, one is far above the other.
MARGIN = 0.1
# Half of what the paper's AW-Opt reaches on the hard task.
SUCCEEDS = 0.25
# Between seeds: two and a half times the noise of 700 episodes, .019.
LARGE_DEVIATION = 0.05

_INF = math.inf
_ABOVE = (0.0, _INF)
_FAR_ABOVE = (MARGIN, _INF)
_AT_LEAST = (-NEGLIGIBLE, _INF)
_LEVEL = (-MARGIN, MARGIN)
_ABOUT_ZERO = (-_INF, NEGLIGIBLE)


@dataclasses.dataclass(frozen=True)
class Side:
  """A measured number of a method, averaged over settings.

  Attributes:
    variant: Name of the method.
    measure: One of `measures.MEASURES`.
    grids: Names of the settings.
  """

  variant: str
  measure: str
  grids: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Part:
  """A number, or a difference of two, and where it must lie.

  Attributes:
    text: What holds if it does.
    left: The number.
    right: What is subtracted, if anything.
    within: Where the number or difference must lie.
    between_seeds: Whether the number is instead the standard deviation
      between the seeds of `left`.
  """

  text: str
  left: Side
  right: Side | None = None
  within: tuple[float, float] = _ABOVE
  between_seeds: bool = False


@dataclasses.dataclass(frozen=True)
class Claim:
  """What the paper says.

  Attributes:
    name: Number in the list of claims, or a word.
    text: The claim.
    paper: The paper's numbers; '' for what it does not have.
    parts: All of which must hold.
  """

  name: str
  text: str
  paper: str
  parts: tuple[Part, ...]


def _compare(text, left, right, measure, grids, within=_ABOVE) -> Part:
  return Part(
    text, Side(left, measure, grids), Side(right, measure, grids), within
  )


def _limit(text, variant, measure, grids, within) -> Part:
  return Part(text, Side(variant, measure, grids), None, within)


_EXAMPLE = (figures.EXAMPLE,)
_ALL = tuple(figures.TASKS.values())
_EASY = (figures.TASKS[1], figures.TASKS[2])
_HARD = (figures.TASKS[5],)
_POSITIVES = ('positives',)
_BOTH = ('positives_and_negatives',)
# Where all demonstrations are successes.
_SUCCESSES = (*_POSITIVES, *(figures.TASKS[number] for number in (2, 4, 5)))

_MAX_Q_ABOVE_AWAC = _compare(
  "maxQ above AWAC's target",
  'awac_p_elrs_maxq',
  'awac_p_elrs',
  'mean',
  _EXAMPLE,
)

CLAIMS = (
  Claim(
    '1',
    'Pre-trained on successes alone, AWAC is about equal to AW-Opt, and both '
    'are above QT-Opt, which is about 0.',
    'AWAC .44, AW-Opt .53, QT-Opt 0 (table 1); offline in figure 8: AWAC .31, '
    '.30, .15, .02, AW-Opt .52, .33, .15, .02, QT-Opt 0, .01, 0, 0',
    (
      _compare(
        'AWAC level with AW-Opt', 'awac', 'awopt', 'offline', _SUCCESSES, _LEVEL
      ),
      _compare('AW-Opt above QT-Opt', 'awopt', 'qt_opt', 'offline', _SUCCESSES),
      _compare('AWAC above QT-Opt', 'awac', 'qt_opt', 'offline', _SUCCESSES),
      _limit('QT-Opt about 0', 'qt_opt', 'offline', _SUCCESSES, _ABOUT_ZERO),
    ),
  ),
  Claim(
    '2',
    'Offline, with successes and failures, QT-Opt is about equal to AW-Opt, '
    'and both are far above AWAC.',
    'QT-Opt .61, AW-Opt .58, AWAC 0 (table 1)',
    (
      _compare(
        'QT-Opt level with AW-Opt', 'qt_opt', 'awopt', 'offline', _BOTH, _LEVEL
      ),
      _compare(
        'AW-Opt far above AWAC', 'awopt', 'awac', 'offline', _BOTH, _FAR_ABOVE
      ),
      _compare(
        'QT-Opt far above AWAC', 'qt_opt', 'awac', 'offline', _BOTH, _FAR_ABOVE
      ),
    ),
  ),
  Claim(
    '3',
    'AW-Opt is the only method above 0 in both.',
    'AW-Opt .53 and .58, QT-Opt 0 and .61, AWAC .44 and 0 (table 1)',
    (
      _limit(
        'AW-Opt above 0 from successes',
        'awopt',
        'offline',
        _POSITIVES,
        (NEGLIGIBLE, _INF),
      ),
      _limit(
        'AW-Opt above 0 from both',
        'awopt',
        'offline',
        _BOTH,
        (NEGLIGIBLE, _INF),
      ),
      _limit(
        'QT-Opt about 0 from successes',
        'qt_opt',
        'offline',
        _POSITIVES,
        _ABOUT_ZERO,
      ),
      _limit('AWAC about 0 from both', 'awac', 'offline', _BOTH, _ABOUT_ZERO),
    ),
  ),
  Claim(
    '4',
    'AWAC collapses or stalls once it practises.',
    'offline / end of AWAC in figure 8: .31 / .02, .30 / 0, .15 / 0, .02 / 0',
    (_limit('AWAC gains less than .1', 'awac', 'gain', _ALL, (-_INF, MARGIN)),),
  ),
  Claim(
    '5',
    'The success filter alone prevents the collapse, without much improvement.',
    'AWAC_P .03 / .08, AWAC .04 / 0 (figure 3)',
    (
      _limit(
        'AWAC_P does not collapse',
        'awac_p',
        'gain',
        _EXAMPLE,
        (-MARGIN, _INF),
      ),
      _limit(
        'AWAC_P gains less than .1',
        'awac_p',
        'gain',
        _EXAMPLE,
        (-_INF, MARGIN),
      ),
      _compare('AWAC_P ends above AWAC', 'awac_p', 'awac', 'end', _EXAMPLE),
    ),
  ),
  Claim(
    '6',
    'To explore, a switch at each episode is better than CEM alone and a '
    'switch at each step, and all are better than the actor alone.',
    'each episode .18, CEM .14, each step .15, actor .08 (figure 4, end)',
    (
      _compare(
        'each episode above CEM',
        'explorer_episode_switch',
        'explorer_cem',
        'mean',
        _EXAMPLE,
      ),
      _compare(
        'each episode above each step',
        'explorer_episode_switch',
        'explorer_step_switch',
        'mean',
        _EXAMPLE,
      ),
      *(
        _compare(
          f'{name} above the actor', variant, 'explorer_actor', 'mean', _EXAMPLE
        )
        for name, variant in (
          ('CEM', 'explorer_cem'),
          ('each step', 'explorer_step_switch'),
          ('each episode', 'explorer_episode_switch'),
        )
      ),
    ),
  ),
  Claim(
    '7',
    'As target, maxQ + ActorCandidate is at least as good as maxQ, and better '
    "than ActorMean and than AWAC's.",
    "ActorCandidate .57, maxQ .49, ActorMean .31, AWAC's .18 (figure 5, end)",
    (
      _compare(
        'ActorCandidate at least maxQ',
        'awopt',
        'awac_p_elrs_maxq',
        'mean',
        _EXAMPLE,
        _AT_LEAST,
      ),
      _compare(
        'ActorCandidate above ActorMean',
        'awopt',
        'awac_p_elrs_maxq_actor_mean',
        'mean',
        _EXAMPLE,
      ),
      _compare(
        "ActorCandidate above AWAC's", 'awopt', 'awac_p_elrs', 'mean', _EXAMPLE
      ),
      _MAX_Q_ABOVE_AWAC,
    ),
  ),
  Claim(
    '8',
    'Without the success filter AW-Opt collapses.',
    'it falls to 0 once it practises (figure 6)',
    (
      _limit(
        'without the filter it ends at about 0',
        'no_success_filter',
        'end',
        _EXAMPLE,
        _ABOUT_ZERO,
      ),
      _compare(
        'AW-Opt above that', 'awopt', 'no_success_filter', 'mean', _EXAMPLE
      ),
    ),
  ),
  Claim(
    '9',
    'On easy tasks QT-Opt ends level with AW-Opt, and AW-Opt is faster.',
    'end: QT-Opt .93 and .87, AW-Opt .91 and .89, on Task 1 after 15,000 and '
    '10,000 episodes (figure 8)',
    (
      _compare(
        'QT-Opt ends level with AW-Opt', 'qt_opt', 'awopt', 'end', _EASY, _LEVEL
      ),
      _compare(
        'AW-Opt above QT-Opt over practice', 'awopt', 'qt_opt', 'mean', _EASY
      ),
    ),
  ),
  Claim(
    '10',
    'On the hard task AW-Opt alone succeeds.',
    'end of Task 5: AW-Opt .53, QT-Opt 0, AWAC 0 (figure 8)',
    (
      _limit('AW-Opt succeeds', 'awopt', 'end', _HARD, (SUCCEEDS, _INF)),
      _compare('AW-Opt ends above QT-Opt', 'awopt', 'qt_opt', 'end', _HARD),
      _compare('AW-Opt ends above AWAC', 'awopt', 'awac', 'end', _HARD),
      _limit('QT-Opt ends at about 0', 'qt_opt', 'end', _HARD, _ABOUT_ZERO),
      _limit('AWAC ends at about 0', 'awac', 'end', _HARD, _ABOUT_ZERO),
    ),
  ),
  Claim(
    '11',
    'With few demonstrations, seeds differ much.',
    '.33 ± .43 with 20 demonstrations (JSRL, table 2)',
    (
      Part(
        "AW-Opt's seeds differ by more than .05 after pre-training",
        Side('awopt', 'offline', _ALL),
        within=(LARGE_DEVIATION, _INF),
        between_seeds=True,
      ),
    ),
  ),
)

# What this implementation must show beside the claims.
MUST_SHOW = (
  Claim(
    'target',
    "maxQ is above AWAC's target (of claim 7).",
    '.49 and .18 (figure 5, end)',
    (_MAX_Q_ABOVE_AWAC,),
  ),
  Claim(
    'first episodes',
    "AW-Opt's mean success over the first 1,000 episodes of practice is above "
    "QT-Opt's on Task 5.",
    '',
    (_compare('AW-Opt above QT-Opt', 'awopt', 'qt_opt', 'early', _HARD),),
  ),
  *(
    Claim(
      f'peers, Task {number}',
      f'AW-Opt is above each peer in mean success over practice on Task '
      f'{number}.',
      '',
      tuple(
        _compare(
          f'AW-Opt above {figures.label(peer)}',
          'awopt',
          peer,
          'mean',
          (figures.TASKS[number],),
        )
        for peer in ('bc', 'd3rlpy_awac', 'd3rlpy_iql', 'd3rlpy_cal_ql')
      ),
    )
    for number in (2, 5)
  ),
)
