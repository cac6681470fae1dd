import base64
import html.parser
import io
import re

import numpy as np
import pytest

from awopt_agent.demos import mapping, page, schema, statistics
from tests.demos import fakes


@pytest.mark.parametrize(
  'count, shown, places',
  [(10, 3, [0, 4, 9]), (2, 6, [0, 1]), (1, 6, [0]), (0, 6, [])],
)
def test_first_last_and_what_is_between_are_shown(count, shown, places):
  assert page.choose(count, shown) == places


def _render(stored):
  mapper = mapping.EpisodeMapper(mapping.Mapping())
  outcome = mapper(stored)
  summary = statistics.summarize([(stored, outcome)])
  summary.count_values(stored)
  return page.render('My <set>', summary, [(3, stored, outcome)])


def _stored():
  rows = schema.rows_from_episode(fakes.make_episode(3))
  return schema.StoredEpisode(
    {**rows, 'task': np.array([b'open <it>'] * 4, object)}, {}
  )


class _Checker(html.parser.HTMLParser):
  """Notes tags, and what would be fetched from elsewhere."""

  def __init__(self):
    super().__init__()
    self.tags, self.sources = [], []

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    self.sources += [v for k, v in attrs if k in ('src', 'href')]


def test_a_page_has_fields_episodes_and_nothing_from_elsewhere():
  text = _render(_stored())
  checker = _Checker()
  checker.feed(text)
  assert 'My &lt;set&gt;' in text
  assert 'Episode 3: 3 transitions, success, terminal; open &lt;it&gt;' in text
  assert '<td>observation/place<td>[2]<td>float32' in text
  # Curves of the observation's two fields, and of the moves; not of flags.
  assert text.count('<figcaption>') >= 3
  assert all(source.startswith('data:') for source in checker.sources)


def test_pictures_are_shown_as_they_are():
  Image = pytest.importorskip('PIL.Image')  # noqa: N806  A class.
  stored = _stored()
  frames = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), np.uint8)
  stored.steps['observation']['camera'] = frames
  pictures = re.findall(r'data:image/png;base64,([^"]+)', _render(stored))
  assert len(pictures) == 4
  shown = Image.open(io.BytesIO(base64.b64decode(pictures[2])))
  np.testing.assert_array_equal(np.asarray(shown), frames[2])


def test_a_hole_in_the_data_does_not_spoil_the_page():
  stored = _stored()
  stored.steps['observation']['place'][1, 0] = np.nan
  assert 'nan' not in _render(stored)
