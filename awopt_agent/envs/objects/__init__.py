"""Things to grasp."""

from awopt_agent.envs.objects.body import GraspObject

__all__ = ['GraspObject']
