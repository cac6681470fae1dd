"""d3rlpy's AWAC on random data; prints its updates/s.

Runs by a Python that has d3rlpy 2.8.1, and by nothing of this project.
"""

import json
import sys
import time

import d3rlpy
import numpy as np


def main() -> None:
  batch, state, action, width, episodes, length, updates = map(
    int, sys.argv[1:]
  )
  rng = np.random.default_rng(0)
  rows = episodes * length
  terminals = np.zeros(rows, np.float32)
  terminals[length - 1 :: length] = 1
  data = d3rlpy.dataset.MDPDataset(
    rng.uniform(-1, 1, (rows, state)).astype(np.float32),
    rng.uniform(-1, 1, (rows, action)).astype(np.float32),
    rng.random(rows).astype(np.float32),
    terminals,
  )
  encoder = d3rlpy.models.encoders.VectorEncoderFactory([width, width])
  awac = d3rlpy.algos.AWACConfig(
    batch_size=batch,
    actor_encoder_factory=encoder,
    critic_encoder_factory=encoder,
  ).create(device=False)
  awac.build_with_dataset(data)
  for batches in (10, updates):  # The first are slower.
    start = time.perf_counter()
    for _ in range(batches):
      awac.update(data.sample_transition_batch(batch))
    seconds = time.perf_counter() - start
  print(json.dumps(updates / seconds))


if __name__ == '__main__':
  main()
