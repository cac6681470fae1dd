import typing

import pytest

from awopt_agent.trials.evidence import blocks, claims, judging, markdown, page
from tests.trials.evidence import made_up


def make_claims(notes=()):
  found = made_up.found(
    made_up.method('bowl', 'awopt', [(0.5, 0.9), (0.5, 0.8)]),
    made_up.method('bowl', 'awac', [(0.5, 0.1), (0.5, 0.2)]),
  )
  sides = [claims.Side(name, 'end', ('bowl',)) for name in ('awopt', 'awac')]
  lost = claims.Side('bc', 'end', ('bowl',))
  results = [
    claims.Claim('1', 'AW-Opt wins', '.9 and .1', (claims.Part('a', *sides),)),
    claims.Claim('2', 'all win', '', (claims.Part('b', lost),)),
  ]
  return blocks.Claims(
    tuple(judging.judge(one, found) for one in results), dict(notes)
  )


EXAMPLES = {
  blocks.Heading: (blocks.Heading(2, 'Heading'), 'Heading'),
  blocks.Text: (blocks.Text('Some text.'), 'Some text.'),
  blocks.Items: (blocks.Items(('one', 'two')), 'two'),
  blocks.Table: (blocks.Table(('head',), (('cell',),)), 'cell'),
  blocks.Claims: (make_claims(), 'AW-Opt wins'),
  blocks.Picture: (
    blocks.Picture('one', {'episodes': '<svg />'}, 'alt'),
    'alt',
  ),
  blocks.Films: (blocks.Films(), 'bowl.mp4'),
}


@pytest.mark.parametrize(
  'kind', typing.get_args(blocks.Block), ids=lambda kind: kind.__name__
)
def test_both_formats_write_each_block(kind, tmp_path):
  block, shown = EXAMPLES[kind]
  film = tmp_path / 'bowl.mp4'
  film.write_bytes(b'film')
  report = [blocks.Heading(1, 'Title'), blocks.Text('Summary.'), block]
  text = markdown.render(
    report, page='page.html', pictures='figures', films=['films/bowl.mp4']
  )
  assert shown in text
  html = page.render(report, films=[str(film)], films_at='films')
  assert shown.removesuffix('.mp4') in html
