"""The supervisor's door: what went wrong, and the lists."""
