import sys

import pytest

from awopt_agent.trials.peers import config, train


def _refuse(monkeypatch, capsys, *flags):
  monkeypatch.setattr(sys, 'argv', ['train', *flags])
  with pytest.raises(SystemExit) as end:
    train.main()
  assert end.value.code == 2
  return capsys.readouterr().err


_GOOD = ('--root_dir=r', '--peer=iql', '--d3rlpy=python')


@pytest.mark.parametrize(
  'flags, named',
  [
    (_GOOD[1:], '--root_dir'),
    ((_GOOD[0], _GOOD[2]), '--peer'),
    (_GOOD[:2], '--d3rlpy'),
    ((*_GOOD, '--seed=-1'), '--seed must be at least 0'),
    ((*_GOOD, '--peer=sac'), "invalid choice: 'sac'"),
  ],
)
def test_bad_usage_is_one_line(monkeypatch, capsys, flags, named):
  error = _refuse(monkeypatch, capsys, *flags)
  assert named in error
  assert len(error.splitlines()) == 1


def test_the_flag_knows_every_peer():
  assert set(train.PEERS) == config.PEERS.keys()
