"""Other people's methods, through our data, environments and evaluation."""
