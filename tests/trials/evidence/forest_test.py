import re

from awopt_agent import statistics
from awopt_agent.trials.evidence import claims, estimates, forest, judging

INF = float('inf')


def bar(left, right, within, value, low, high):
  estimate = estimates.Estimate(value, statistics.Interval(low, high), 3, 700)
  part = claims.Part('it is so', left, right, within)
  text = forest.bar(judging.PartResult(part, judging.Verdict.HOLDS, estimate))
  return {
    name: style
    for name, style in re.findall(r'class="(\w+)" style="([^"]+)"', text)
  }


END = claims.Side('awopt', 'end', ('bowl',))


def test_a_difference_has_a_line_from_minus_1_to_1():
  styles = bar(END, END, (0.0, INF), 0.5, 0.2, 0.8)
  assert styles['must'] == 'left:50.0%;width:50.0%'
  assert styles['zero'] == 'left:50.0%'
  # (.2 + 1) / 2 and (.8 - .2) / 2.
  assert styles['span'] == 'left:60.0%;width:30.0%'
  assert styles['mean'] == 'left:75.0%'


def test_a_rate_has_a_line_from_0_to_1():
  styles = bar(END, None, (-INF, 0.05), 0.02, -0.01, 0.05)
  assert styles['must'] == 'left:0.0%;width:5.0%'
  assert styles['span'] == 'left:0.0%;width:5.0%'
  assert styles['mean'] == 'left:2.0%'


def test_a_gain_may_be_negative():
  gain = claims.Side('awac', 'gain', ('bowl',))
  styles = bar(gain, None, (-INF, 0.1), -0.5, -0.6, -0.4)
  assert styles['mean'] == 'left:25.0%'


def test_what_was_not_run_has_no_bar():
  part = claims.Part('it is so', END)
  missing = judging.PartResult(part, judging.Verdict.NOT_RUN)
  assert forest.bar(missing) == ''
