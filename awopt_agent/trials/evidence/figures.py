"""What the paper's figures and tables show: settings, methods, its numbers."""

import dataclasses

__all__ = [
  'EXAMPLE',
  'FIGURES',
  'LABELS',
  'TASKS',
  'Figure',
  'WORLDS',
  'WorldTable',
  'label',
]

# Grids of gin/base/grids.gin by the paper's numbers.
TASKS = {
  1: 'indiscriminate_grasping',
  2: 'green_bowl',
  4: 'middle_bin',
  5: 'compostables',
}
# The task of sections 4.1 to 4.5.
EXAMPLE = TASKS[5]

LABELS = {
  'awopt': 'AW-Opt',
  'qt_opt': 'QT-Opt',
  'awac': 'AWAC',
  'awac_p': 'AWAC_P',
  'bc': 'behaviour cloning',
  'd3rlpy_awac': 'AWAC (d3rlpy)',
  'd3rlpy_iql': 'IQL (d3rlpy)',
  'd3rlpy_cal_ql': 'Cal-QL (d3rlpy)',
  'explorer_actor': 'actor alone',
  'explorer_cem': 'CEM alone',
  'explorer_step_switch': 'switch each step',
  'explorer_episode_switch': 'switch each episode',
  'awac_p_elrs': "AWAC's target",
  'awac_p_elrs_maxq': 'maxQ',
  'awac_p_elrs_maxq_actor_mean': 'maxQ + ActorMean',
  'no_success_filter': 'no success filter',
  'no_actor_candidate': 'no ActorCandidate',
  'awac_target': "AWAC's target",
  'no_hybrid_exploration': 'no hybrid exploration',
}


@dataclasses.dataclass(frozen=True)
class Figure:
  """Learning curves of some methods in one setting.

  Attributes:
    name: Of files and anchors.
    title: Of the panel.
    grid: Name of the setting.
    variants: In order; their labels may be this figure's own.
    paper: What the paper's own figure shows, read off to about .02; '' for
      what it does not have.
    labels: Of methods that are called otherwise here.
  """

  name: str
  title: str
  grid: str
  variants: tuple[str, ...]
  paper: str
  labels: tuple[tuple[str, str], ...] = ()

  def label(self, variant: str) -> str:
    """Returns what a method is called in this figure."""
    return dict(self.labels).get(variant) or label(variant)


@dataclasses.dataclass(frozen=True)
class WorldTable:
  """Success in the world of the training, and in one that it never saw.

  Attributes:
    grid: Name of the setting.
    title: What was learnt from.
    variants: In order.
    paper: The paper's number for each, in its real world.
    measure: One of `measures.MEASURES`: success in the training's world.
  """

  grid: str
  title: str
  variants: tuple[str, ...]
  paper: tuple[str, ...]
  measure: str


_METHODS = ('qt_opt', 'awac', 'awopt')

FIGURES = (
  Figure(
    'figure_2',
    'Figure 2: the methods before AW-Opt',
    EXAMPLE,
    ('qt_opt', 'awac'),
    'QT-Opt stays at 0; AWAC falls from .04 to 0',
  ),
  Figure(
    'figure_3',
    'Figure 3: success filter',
    EXAMPLE,
    ('awac', 'awac_p'),
    'AWAC falls from .04 to 0; AWAC_P goes from .03 to .08',
  ),
  Figure(
    'figure_4',
    'Figure 4: who explores',
    EXAMPLE,
    (
      'explorer_actor',
      'explorer_cem',
      'explorer_step_switch',
      'explorer_episode_switch',
    ),
    'at 200,000 episodes: actor .08, CEM .14, each step .15, each episode .18',
  ),
  Figure(
    'figure_5',
    'Figure 5: whose action the target values',
    EXAMPLE,
    (
      'awac_p_elrs',
      'awac_p_elrs_maxq_actor_mean',
      'awac_p_elrs_maxq',
      'awopt',
    ),
    "at 200,000 episodes: AWAC's .18, ActorMean .31, maxQ .49, "
    'ActorCandidate .57',
    (('awopt', 'maxQ + ActorCandidate'),),
  ),
  Figure(
    'figure_6',
    'Figure 6: AW-Opt without one of its parts',
    EXAMPLE,
    (
      'awopt',
      'no_success_filter',
      'no_actor_candidate',
      'awac_target',
      'no_hybrid_exploration',
    ),
    'without the filter it falls to 0; the best of the others is a third as '
    'good as AW-Opt',
  ),
  Figure(
    'figure_8_task_1',
    'Figure 8, Task 1: any object out of a bin',
    TASKS[1],
    _METHODS,
    'offline / end: QT-Opt 0 / .93, AWAC .31 / .02, AW-Opt .52 / .91',
  ),
  Figure(
    'figure_8_task_2',
    'Figure 8, Task 2: the green bowl',
    TASKS[2],
    _METHODS,
    'offline / end: QT-Opt .01 / .87, AWAC .30 / 0, AW-Opt .33 / .89',
  ),
  Figure(
    'figure_8_task_4',
    'Figure 8, Task 4: out of the middle bin',
    TASKS[4],
    _METHODS,
    'offline / end: QT-Opt 0 / 0, AWAC .15 / 0, AW-Opt .15 / .93',
  ),
  Figure(
    'figure_8_task_5',
    'Figure 8, Task 5: compostables out of the middle bin',
    TASKS[5],
    _METHODS,
    'offline / end: QT-Opt 0 / 0, AWAC .02 / 0, AW-Opt .02 / .53',
  ),
  Figure(
    'images_task_1',
    'From pictures, Task 1',
    'indiscriminate_grasping_image',
    _METHODS,
    'as figure 8, which is from pictures',
  ),
  Figure(
    'images_task_2',
    'From pictures, Task 2',
    'green_bowl_image',
    _METHODS,
    'as figure 8, which is from pictures',
  ),
  *(
    Figure(
      f'peers_task_{number}',
      f'Peers, Task {number}',
      TASKS[number],
      ('awopt', 'awac', 'bc', 'd3rlpy_awac', 'd3rlpy_iql', 'd3rlpy_cal_ql'),
      '',
      (('awac', 'AWAC (ours)'),),
    )
    for number in (2, 5)
  ),
)

WORLDS = (
  WorldTable(
    'positives',
    'successes alone, offline',
    _METHODS,
    ('0', '.44', '.53'),
    'offline',
  ),
  WorldTable(
    'positives_and_negatives',
    'successes and failures, offline',
    _METHODS,
    ('.61', '0', '.58'),
    'offline',
  ),
  WorldTable(
    TASKS[5],
    'Task 5, with practice',
    _METHODS,
    ('0', '0', '.49'),
    'end',
  ),
)


def label(variant: str) -> str:
  """Returns what a method is called."""
  return LABELS.get(variant, variant)
