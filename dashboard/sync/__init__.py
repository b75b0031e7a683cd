"""Synchronisation, for supervisors and admins: how platforms are doing, and what waits for a person."""
