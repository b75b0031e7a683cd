"""The agent's own promises in their own calendar."""
