"""Files of callbacks come in: uploaded, mapped, checked, imported; what cannot come in says why.

Each row is held to the same rules as a callback from the panel. Nothing is lost and nothing doubled
when a worker dies: what came in, what was rejected and how far the file is are committed together.
"""

from callbacks.imports.columns import EXTERNAL, FIELDS, LEFT_OUT, guess
from callbacks.imports.jobs import (
    Choice,
    cancel,
    check,
    choose,
    prune,
    start,
    upload,
)
from callbacks.imports.opening import LARGEST, FileRefused
from callbacks.imports.results import preview, rejects_as_csv
from callbacks.imports.running import go_on, go_on_with

__all__ = [
    "EXTERNAL",
    "FIELDS",
    "LARGEST",
    "LEFT_OUT",
    "Choice",
    "FileRefused",
    "cancel",
    "check",
    "choose",
    "go_on",
    "go_on_with",
    "guess",
    "preview",
    "prune",
    "rejects_as_csv",
    "start",
    "upload",
]
