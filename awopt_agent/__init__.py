"""AW-Opt as a TF-Agents plugin."""

__version__ = '0.1.0'
