"""Other people's methods, through our data, environments and evaluation."""

__all__ = ['LEARNT_BY']

# In a peer's run folder: its name, and the versions of its libraries.
LEARNT_BY = 'peer.json'
