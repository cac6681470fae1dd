import importlib.util
import re

from awopt_agent.trials.evidence import claims, estimates, wording


def test_the_rule_has_the_numbers_that_decide():
  about, level, far = re.findall(r'±?(\.\d\d)\b', wording.RULE)
  assert float(about) == claims.NEGLIGIBLE
  assert float(level) == float(far) == claims.MARGIN


def test_the_confidence_is_said():
  assert f'Intervals are {estimates.CONFIDENCE:.0%}' in wording.INTERVALS


def test_the_program_that_measured_the_intervals_exists():
  (name,) = re.findall(r'`python -m ([\w.]+)`', wording.INTERVALS)
  assert importlib.util.find_spec(name)
