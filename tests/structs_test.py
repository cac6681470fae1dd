import numpy as np

from awopt_agent import structs


def test_an_episode_has_a_transition_less_than_observations():
  episode = structs.Episode(
    observation=np.zeros([4, 2]),
    action=np.zeros([4, 1]),
    reward=np.zeros(4),
    discount=np.ones(4),
    is_terminal=True,
    success=False,
  )
  assert episode.length == 3


def test_the_numbers_of_sources_are_fixed():
  # They stand in recorded data.
  assert [(source.name, source.value) for source in structs.Source] == [
    ('DEMONSTRATION', 0),
    ('ACTOR', 1),
    ('CEM', 2),
  ]
