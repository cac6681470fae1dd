import pytest

from awopt_agent.trials.evidence import notes


def test_notes_are_read(tmp_path):
  path = tmp_path / notes.FILE
  path.write_text(
    'deviations = ["fewer episodes"]\n'
    'failures = ["a", "b"]\n'
    '[claims]\n8 = "why"\n"peers, Task 2" = "how"\n'
  )
  found = notes.read(str(path), frozenset({'8', 'peers, Task 2'}))
  assert found.claims == {'8': 'why', 'peers, Task 2': 'how'}
  assert found.deviations == ('fewer episodes',)
  assert found.failures == ('a', 'b')


def test_there_need_be_none(tmp_path):
  assert notes.read(str(tmp_path / 'none.toml')) == ({}, (), ())


@pytest.mark.parametrize(
  'text, what',
  [
    ('no toml', 'is no TOML'),
    ('claim = "x"', 'has claim, which no page shows'),
    ('[claims]\n12 = "x"', 'has 12, which no page shows'),
    ('failures = "one text"', 'failures must be a list of texts'),
    ('[claims]\n8 = 1', 'claims must be texts'),
  ],
)
def test_what_nobody_would_see_is_refused(tmp_path, text, what):
  path = tmp_path / notes.FILE
  path.write_text(text)
  with pytest.raises(ValueError, match=what):
    notes.read(str(path), frozenset({'8'}))
