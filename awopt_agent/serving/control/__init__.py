"""A robot's loop: runs a policy at a fixed rate, and stops the robot in time.

None of it imports TensorFlow but `recording`, so that a robot's own process
starts fast.
"""
