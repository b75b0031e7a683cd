"""One callback and many: its page, its actions, the list and the search."""
