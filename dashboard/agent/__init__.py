"""The agent's door: My callbacks."""
