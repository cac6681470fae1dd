import time

from awopt_agent.trials.evidence import report
from tests.trials.evidence import made_up


def write(tmp_path):
  made_up.write(
    tmp_path / 'records',
    made_up.method('compostables', 'qt_opt', [(0, 0.5)] * 3),
    made_up.method('compostables', 'awac', [(0.2, 0.1)] * 3),
  )


def files(folder):
  return {
    str(path.relative_to(folder)): path.read_bytes()
    for path in folder.rglob('*')
    if path.is_file()
  }


def test_text_page_and_pictures_are_written(tmp_path):
  write(tmp_path)
  line = report.build(str(tmp_path / 'records'), str(tmp_path / 'out'))
  assert line == (
    f'{tmp_path}/out/results.html: 6 trials; claims: 11 were not run'
  )
  figures = ('figure_2', 'figure_3', 'figure_8_task_5', 'peers_task_5')
  assert files(tmp_path / 'out').keys() == {
    'results.md',
    'results.html',
    *(f'results/figures/{name}.svg' for name in figures),
  }


def test_the_same_records_give_the_same_bytes_in_a_minute(tmp_path):
  write(tmp_path)
  start = time.monotonic()
  for name in ('one', 'two'):
    report.build(str(tmp_path / 'records'), str(tmp_path / name))
  assert time.monotonic() - start < 2 * 60
  assert files(tmp_path / 'one') == files(tmp_path / 'two')


def test_pictures_that_are_no_more_are_removed(tmp_path):
  write(tmp_path)
  old = tmp_path / 'out' / 'results' / 'figures' / 'figure_9.svg'
  old.parent.mkdir(parents=True)
  old.write_text('old')
  kept = tmp_path / 'out' / 'results' / 'records'
  kept.mkdir()
  report.build(str(tmp_path / 'records'), str(tmp_path / 'out'))
  assert not old.exists()
  assert kept.exists()


def test_films_are_taken_up(tmp_path):
  write(tmp_path)
  film = tmp_path / 'out' / 'results' / 'films' / 'compostables.mp4'
  film.parent.mkdir(parents=True)
  film.write_bytes(b'film')
  report.build(str(tmp_path / 'records'), str(tmp_path / 'out'))
  text = (tmp_path / 'out' / 'results.md').read_text()
  assert '[compostables.mp4](results/films/compostables.mp4)' in text
  page = (tmp_path / 'out' / 'results.html').read_text()
  assert 'src="data:video/mp4;base64,ZmlsbQ=="' in page


def test_without_records_there_is_a_report_that_says_so(tmp_path):
  line = report.build(str(tmp_path / 'records'), str(tmp_path / 'out'))
  assert '0 trials' in line
  assert 'Nothing was run yet' in (tmp_path / 'out' / 'results.md').read_text()
