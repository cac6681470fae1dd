"""An interval as a bar on a line, beside where it must lie, in HTML."""

from awopt_agent.trials.evidence import judging

__all__ = ['STYLE', 'bar']

STYLE = """
.bar { position: relative; display: block; height: 1.1em; margin: .25em 0;
  border-radius: 3px; background: var(--soft); overflow: hidden; }
.bar i { position: absolute; top: 0; bottom: 0; }
.bar .must { background: var(--must); }
.bar .zero { width: 1px; background: var(--faint); }
.bar .span { top: calc(50% - 2px); height: 4px; border-radius: 2px;
  background: var(--ink); }
.bar .mean { top: calc(50% - 5px); width: 10px; height: 10px;
  margin-left: -5px; border-radius: 50%; background: var(--ink); }
"""


def bar(one: judging.PartResult) -> str:
  """Returns the element; '' for what was not run.

  Args:
    one: A part of a claim. Its line goes from -1 to 1, or from 0 to 1 where no
      number can be negative.
  """
  if one.estimate is None:
    return ''
  signed = one.part.right is not None or one.part.left.measure == 'gain'
  least = -1.0 if signed else 0.0

  def place(value: float) -> float:
    return 100 * (min(max(value, least), 1.0) - least) / (1.0 - least)

  def stretch(name: str, low: float, high: float) -> str:
    left, right = place(low), place(high)
    return (
      f'<i class="{name}" style="left:{left:.1f}%;width:{right - left:.1f}%">'
      '</i>'
    )

  parts = [
    stretch('must', *one.part.within),
    f'<i class="zero" style="left:{place(0):.1f}%"></i>',
    stretch('span', *one.estimate.interval),
    f'<i class="mean" style="left:{place(one.estimate.value):.1f}%"></i>',
  ]
  return f'<span class="bar" aria-hidden="true">{"".join(parts)}</span>'
