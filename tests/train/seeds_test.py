import itertools

import pytest

from awopt_agent.train import seeds


def test_neither_purposes_nor_neighbouring_seeds_share_environments():
  purposes = (seeds.PRACTICE, seeds.EVALUATION, seeds.MEASURING)
  firsts = sorted(
    seeds.first_environment_seed(purpose, seed)
    for purpose in purposes
    for seed in (0, 1, 2, 99_999)
  )
  gaps = [after - before for before, after in itertools.pairwise(firsts)]
  assert min(gaps) >= 10_000


@pytest.mark.parametrize('seed', [-1, 100_000])
def test_a_seed_out_of_range_is_refused_by_name(seed):
  with pytest.raises(ValueError, match=f'--seed .*got {seed}'):
    seeds.first_environment_seed(seeds.PRACTICE, seed)
