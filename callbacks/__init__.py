"""The domain: what a callback is and what may happen to it.

Knows no request, no page, no form and no JSON. Read ``lifecycle`` first.
"""
