import html.parser
import re

from awopt_agent.trials.evidence import blocks, page, plots
from tests.trials.evidence import blocks_test

VOID = {'meta', 'br', 'img', 'link'}


class _Nesting(html.parser.HTMLParser):
  """Fails where an element ends that did not begin last."""

  def __init__(self):
    super().__init__()
    self.open = []

  def handle_starttag(self, tag, attrs):
    del attrs
    if tag not in VOID:
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag


def render(*found, films=()):
  report = [blocks.Heading(1, 'Title'), blocks.Text('Summary.'), *found]
  return page.render(report, films=films, films_at='results/films')


def all_blocks():
  return [block for block, _ in blocks_test.EXAMPLES.values()]


def test_elements_nest(tmp_path):
  film = tmp_path / 'bowl.mp4'
  film.write_bytes(b'film')
  parser = _Nesting()
  parser.feed(render(*all_blocks(), films=[str(film)]))
  assert parser.open == []


def test_it_needs_no_other_file(tmp_path):
  film = tmp_path / 'bowl.mp4'
  film.write_bytes(b'film')
  text = render(*all_blocks(), films=[str(film)])
  targets = re.findall(r'(?:src|href)="([^"]*)"', text)
  assert all(one.startswith(('#', 'data:')) for one in targets)
  assert 'url(' not in text and '@import' not in text
  assert '<script' not in text


def test_large_films_stay_files(tmp_path, monkeypatch):
  monkeypatch.setattr(page, 'MAX_FILM_BYTES', 3)
  film = tmp_path / 'bowl.mp4'
  film.write_bytes(b'film')
  text = render(blocks.Films(), films=[str(film)])
  assert 'src="results/films/bowl.mp4"' in text
  assert 'files beside this page' in text


def test_links_of_the_contents_lead_somewhere():
  text = render(
    blocks.Heading(2, "The paper's claims"), blocks.Heading(2, 'Costs')
  )
  targets = re.findall(r'href="#([^"]*)"', text)
  assert targets == ['the-paper-s-claims', 'costs']
  assert all(f'id="{one}"' in text for one in targets)


def test_text_is_escaped_and_code_is_code():
  text = render(blocks.Text('a < b & `x > y`, see [it](other.md)'))
  assert (
    '<p>a &lt; b &amp; <code>x &gt; y</code>, see <a href="other.md">it</a></p>'
    in text
  )


def test_a_claim_shows_verdict_number_limit_and_note():
  text = render(blocks_test.make_claims([('1', 'Tried twice.')]))
  assert '<article class="claim holds" id="claim-1">' in text
  assert '✓ holds' in text and '– not run' in text
  assert re.search(
    r'<b>\+\.70 \[[^<]*\(\.85 - \.15\)</b>, must be above 0', text
  )
  assert 'Paper: .9 and .1.' in text and 'Paper: .<' not in text
  assert 'Tried twice.' in text
  assert 'b: not run (bowl/bc)' in text


def test_pictures_take_the_pages_colours_and_are_described():
  svg = f'<svg width="1"><path style="fill: {plots.COLOURS[1]}"/></svg>'
  text = render(blocks.Picture('one', {'episodes': svg}, 'The "alt"'))
  label = 'The &quot;alt&quot;, against episodes'
  assert f'<svg role="img" aria-label="{label}" width="1">' in text
  assert 'fill: var(--c1)' in text
