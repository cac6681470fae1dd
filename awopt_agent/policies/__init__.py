"""Policies: the actor, CEM on the critic, and mixtures of both."""
