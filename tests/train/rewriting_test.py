import argparse

from awopt_agent.demos import reader, writer
from awopt_agent.train import rewriting
from tests.demos import fakes


def test_flags_say_what_is_kept_joined_and_shared_out(tmp_path):
  source, out = str(tmp_path / 'four'), str(tmp_path / 'some')
  episodes = [
    fakes.make_episode(1 + k, success=k != 1, seed=k) for k in range(4)
  ]
  writer.write_episodes(episodes, source, **fakes.SPECS)
  flags = argparse.Namespace(
    source=source,
    out=out,
    split=None,
    success=True,
    min_length=0,
    max_length=3,
    index=None,
    without=[],
    unique=False,
  )
  line = rewriting.filter_set(flags)
  assert line == f'{out}/1.0.0: train 2 episodes'
  assert [e.length for e in reader.read_episodes(out)] == [1, 3]
  flags = argparse.Namespace(source=[source, out], out=str(tmp_path / 'all'))
  assert rewriting.merge(flags).endswith('all/1.0.0: train 6 episodes')
  flags = argparse.Namespace(
    source=source,
    out=str(tmp_path / 'parts'),
    into={'a': 1.0, 'b': 1.0},
    split='train',
    seed=3,
    in_order=True,
  )
  line = rewriting.split(flags)
  assert line.endswith('parts/1.0.0: a 2, b 2 episodes')
  assert [e.length for e in reader.read_episodes(flags.out, 'b')] == [3, 4]
