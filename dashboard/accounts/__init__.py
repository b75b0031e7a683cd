"""Logging in and out, presence, and the people behind it."""
