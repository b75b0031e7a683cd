"""Files that people download: streamed, so that a million rows take no memory."""

from collections.abc import Iterable, Iterator
from itertools import islice

from django.http import StreamingHttpResponse

LINES_AT_ONCE = 200


def as_download(name: str, lines: Iterable[str]) -> StreamingHttpResponse:
    """The lines as a CSV file of this name, to be saved."""
    answer = StreamingHttpResponse(_blocks(lines), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    waiting = iter(lines)
    while block := "".join(islice(waiting, LINES_AT_ONCE)):
        yield block
