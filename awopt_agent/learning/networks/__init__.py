"""Critics and actors.

A critic encodes an observation once and then scores any number of actions;
tiling the observation instead made CEM 42 times slower at batch 32. An agent
takes factories, never objects, so that targets share no variables.
"""

from awopt_agent.learning.networks.base import Actor, Critic, variables_of
from awopt_agent.learning.networks.grasping44 import (
  Grasping44Actor,
  Grasping44Critic,
)
from awopt_agent.learning.networks.heads import ActorHead
from awopt_agent.learning.networks.mlp import MlpActor, MlpCritic
from awopt_agent.learning.networks.shared import SharedEncoderActor
from awopt_agent.learning.networks.small import SmallActor, SmallCritic

__all__ = [
  'Actor',
  'ActorHead',
  'Critic',
  'Grasping44Actor',
  'Grasping44Critic',
  'MlpActor',
  'MlpCritic',
  'SharedEncoderActor',
  'SmallActor',
  'SmallCritic',
  'variables_of',
]
