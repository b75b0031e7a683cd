"""Live screens: every open browser hears at once what changed, and asks for what it may see.

The database tells (migration 0004), ``listening`` hears it once for each web process, ``hearer``
says whom it concerns, a ``stream`` carries it to one browser, ``application`` opens and ends the
streams. Only keys travel, nothing about anybody.
"""
