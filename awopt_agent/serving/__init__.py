"""Serving: policies as SavedModels, and programs that run them.

`parts`, `layout`, `golden` and `predictor` need NumPy and TensorFlow alone,
so that a robot's program starts fast; `export` needs the agent's libraries.
"""
