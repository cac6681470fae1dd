"""What the report says whatever the numbers are."""

__all__ = [
  'CURVES',
  'INTERVALS',
  'JUDGED',
  'NO_RECORDS',
  'RERUN',
  'RULE',
  'SHARED_TRIALS',
  'WORLDS',
]

RERUN = (
  '`awopt-report --suite figure_2` runs a suite, and goes on where one was '
  'stopped; `make report` makes this report from the records in '
  '`docs/results/records`, without training.'
)
NO_RECORDS = (
  'Nothing was run yet: `awopt-report --suite state` runs all suites from '
  'states.'
)
CURVES = (
  'Lines are means over seeds, bands their 90% intervals; points left of the '
  'rule are before practice. "First 1,000" and "practice" are mean success '
  'over the first 1,000 episodes of practice, and over all of it. AW-Opt and '
  'its relatives are judged by their actor before practice and by CEM from '
  'then on (see below), so their success falls between the two; their lines '
  'begin with the first measurement of practice, which counts from its '
  'beginning.'
)
WORLDS = (
  'Offline: the same attempts of a poor expert at Task 1, with and without its '
  'failures; nothing is practised. "Unseen" is the world `real`, in which '
  "nothing was learnt, in place of the paper's real robot. What is learnt "
  'offline is judged by the actor where there is one; what CEM makes of the '
  'same critic stands in the last column.'
)
RULE = (
  'What each claim means in numbers was written down before its trials: it is '
  'a list of parts, each a rate or a difference and where it must lie. A part '
  'holds if its interval lies there, does not hold if the interval lies '
  'outside, and else we cannot tell. About 0 is below .05; level is within '
  '±.10; far above is by more than .10. Methods are compared by their mean '
  'success over practice (the area under the curve by its length), since a '
  'task that all solve in the end shows nothing there; by the end where the '
  'claim is about the end. Where a claim is about several tasks, it is about '
  'the mean over them.'
)
INTERVALS = (
  "Intervals are 90%. They are Student's, on the means of seeds (for a "
  "difference, Welch's), and never narrower than the number of evaluation "
  'episodes alone allows. A percentile bootstrap over seeds and episodes, as '
  'rliable draws it, is too narrow for three seeds: it lies between the least '
  'and the greatest of them, which hold the median of all runs in at most 75% '
  'of the cases. With made-up methods whose seeds differ it held the truth in '
  ".63 to .86 of 300 tries, Student's in .89 to .96 (700 episodes, three "
  "seeds; `python -m tests.benchmarks.intervals`). So Student's decides; where "
  'the bootstrap would decide otherwise, the claim says so.'
)
JUDGED = (
  "A trial is judged by one policy at a time: before practice by the actor's "
  'mode (by CEM where no actor learns), once it practises by its headline, '
  "which is CEM with the actor's candidate, CEM, or the actor, as the README "
  'lists. Times are of one core, evaluations included, by the clock: other '
  'work ran beside many trials, so they say what a trial took here, not which '
  'method is quicker.'
)
SHARED_TRIALS = (
  'Suites share trials, so the sum of this table is more than what was run'
)
