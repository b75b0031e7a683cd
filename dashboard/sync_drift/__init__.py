"""What differs between Ringback and its platforms, for admins."""
