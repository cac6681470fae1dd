"""What crosses between processes, all of it through one Reverb server."""
