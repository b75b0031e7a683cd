"""Tasks: what callbacks became when no call was needed any more."""
