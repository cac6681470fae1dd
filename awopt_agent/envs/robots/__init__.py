"""Robot arms with a parallel gripper that points down."""

from awopt_agent.envs.robots.base import GripperState, Robot, Workspace
from awopt_agent.envs.robots.kuka import Kuka
from awopt_agent.envs.robots.panda import Panda

__all__ = ['ROBOTS', 'GripperState', 'Kuka', 'Panda', 'Robot', 'Workspace']

ROBOTS = {'kuka': Kuka, 'panda': Panda}
