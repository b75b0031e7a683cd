"""What people see of a file: its first rows, and the rejected ones as a file that can be corrected."""

from collections.abc import Iterator
from itertools import islice

from callbacks.imports import opening
from callbacks.imports.opening import Sheet
from callbacks.models import CallbackImport
from callbacks.rules.sheets import Echo, SafeWriter, plain

LINE, BECAUSE = "Rejected line", "Rejected because"


def preview(job: CallbackImport, rows: int = 5) -> list[list[str]]:
    """The first rows of the file that can be read; none once the file is gone."""
    if not job.file:
        return []
    sheet = Sheet(job.encoding, job.delimiter, job.header_line, job.header, job.rows)
    with job.file.open("rb") as file:
        found = (values for _, values in opening.records(file, sheet) if isinstance(values, list))
        return list(islice(found, rows))


def rejects_as_csv(job: CallbackImport) -> Iterator[str]:
    """The rejected rows with line and reason, line by line: corrected, it can be imported again.

    It begins with a byte order mark, by which spreadsheets know UTF-8.
    """
    names = [name for name in job.header if name not in (LINE, BECAUSE)]
    dropped = {place for place, name in enumerate(job.header) if name in (LINE, BECAUSE)}
    out = SafeWriter(Echo())
    yield "\ufeff" + out.line([LINE, BECAUSE, *names])
    for reject in job.rejects.iterator():
        kept = [plain(value) for place, value in enumerate(reject.values) if place not in dropped]
        yield out.line([reject.line, reject.reasons, *kept])
