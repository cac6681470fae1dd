"""Episodes as frames: played in an environment, or out of a data set."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tree

from awopt_agent import structs
from awopt_agent.demos import recorder, schema
from awopt_agent.envs import grasp_env, simulation
from awopt_agent.train import captions, projection, top_view

__all__ = ['Film', 'play', 'replay']

# Arrows of the true length, 5 cm at most, would be 17 pixels long.
_ARROW_SCALE = 2.5


class Film(NamedTuple):
  """An episode, as it is shown.

  Attributes:
    frames: One for each observation.
    success: Whether the episode succeeded.
  """

  frames: list[captions.Frame]
  success: bool


def play(
  env: grasp_env.GraspEnv, actor: recorder.Expert, title: str, number: int
) -> Film:
  """Plays an episode.

  Args:
    env: Begins a new episode.
    actor: Chooses the actions; if it has a `q`, that is the value it gives
      the action it chose last.
    title: Written on each frame.
    number: Of the episode, from 1.
  """
  frames: list[captions.Frame] = []
  reward = 0.0
  step = env.reset()
  actor.reset()
  while True:
    action = None if step.is_last() else actor.action(step.observation)
    frames.append(
      captions.Frame(
        title=title,
        episode=number,
        step=len(frames),
        picture=env.render(),
        view=step.observation.get('image'),
        action=action,
        reward=reward,
        q=None if action is None else getattr(actor, 'q', None),
        arrow=_arrow(env, action) if _moves(action, frames) else None,
      )
    )
    if action is None:
      return _end(frames, schema.is_success(np.array([reward])))
    step = env.step(action)
    reward += float(step.reward)


def replay(episode: structs.Episode, title: str, number: int) -> Film:
  """Shows a recorded episode: its pictures, or else a map of its poses.

  Args:
    episode: Of this project's tasks, or any with a picture.
    title: Written on each frame.
    number: Of the episode, from 1.

  Raises:
    ValueError: If there is nothing in it to show.
  """
  rewards = np.concatenate([[0], np.cumsum(episode.reward[:-1])])
  frames: list[captions.Frame] = []
  for step in range(episode.length + 1):
    observation, action = (
      tree.map_structure(lambda leaf, row=step: leaf[row], nest)
      for nest in (episode.observation, episode.action)
    )
    if step == episode.length or not isinstance(action, Mapping):
      action = None
    frames.append(
      captions.Frame(
        title=title,
        episode=number,
        step=step,
        picture=_picture(observation, _moves(action, frames)),
        action=action,
        reward=float(rewards[step]),
      )
    )
  return _end(frames, episode.success)


def _end(frames: list[captions.Frame], success: bool) -> Film:
  last = frames[-1]._replace(success=success)
  return Film([*frames[:-1], last], success)


def _moves(action: Any, before: list[captions.Frame]) -> Any:
  """Returns an action if it moves the arm, which waits for its fingers."""
  if action is None or action.get('terminate'):
    return None
  last = before[-1].action if before else None
  closed = (last or {}).get('gripper', 0)
  return action if action.get('gripper', closed) == closed else None


def _arrow(env: grasp_env.GraspEnv, action: Any):
  # The state gives positions from the middle of the workspace.
  gripper_m = env.state_observation()['gripper'][:3]
  start_m = gripper_m + env.workspace.center_m
  way_m = _ARROW_SCALE * env.step_length_m * action['world_vector']
  camera = simulation.Camera()
  return (
    projection.pixel_of(camera, start_m),
    projection.pixel_of(camera, start_m + way_m),
  )


def _picture(observation: Any, action: Any) -> np.ndarray:
  for leaf in tree.flatten(observation):
    if leaf.dtype == np.uint8 and leaf.ndim == 3 and leaf.shape[-1] == 3:
      return leaf
  if isinstance(observation, Mapping) and {'gripper', 'objects'} <= set(
    observation
  ):
    return top_view.draw(observation, action)
  raise ValueError(
    'the set holds neither pictures nor the state observation of a grasping '
    'task; record one with: awopt-demos record.'
  )
