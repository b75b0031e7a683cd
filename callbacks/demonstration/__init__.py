"""A realistic contact centre in an empty database, of any size, around the present moment.

History is invented here, so the rows are written by COPY and not by the verbs of the domain; the
constraints of the database hold for them all the same.
"""

from callbacks.demonstration.centre import Size, fill, is_empty

__all__ = ["Size", "fill", "is_empty"]
