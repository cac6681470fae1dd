"""Reads what Reverb tables hold."""

import reverb

from awopt_agent.experience import packing
from tests import fakes


def draw(client, table, count):
  """Returns `count` items drawn from a table, as Experience in NumPy."""
  dataset = reverb.TrajectoryDataset.from_table_signature(
    client.server_address, table, max_in_flight_samples_per_worker=10
  )
  unpack = packing.StepPacking(fakes.step_spec()).unpack
  dataset = dataset.map(lambda sample: unpack(sample.data))
  return list(dataset.take(count).as_numpy_iterator())


def contents(client, table):
  """Returns (episode, first step) of all n items, by drawing a lot of them.

  The chance to miss one in 30 n draws is n (1 - 1/n)^(30 n), about n e^-30.
  """
  size = client.server_info()[table].current_size
  return {
    (int(item.label.episode_id[0]), int(item.label.step[0]))
    for item in draw(client, table, 30 * size)
  }
