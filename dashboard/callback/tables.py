"""The table of callbacks: which columns there are, and which of them sort."""

import django_tables2 as tables

from dashboard.rows import Row


class CallbackTable(tables.Table):
    """One line a callback. Values come formatted from ``Row``; sorting and paging from the view."""

    requested = tables.TemplateColumn(
        template_name="callback/requested_cell.html", verbose_name="Requested", orderable=True
    )
    contact = tables.TemplateColumn(
        template_name="callback/contact_cell.html", verbose_name="Contact", orderable=False
    )
    number = tables.Column(accessor="masked_number", verbose_name="Number", orderable=False)
    queue = tables.Column(accessor="callback__queue", verbose_name="Queue", orderable=False)
    owner = tables.Column(
        accessor="callback__owner", verbose_name="Owner", orderable=False, default="nobody"
    )
    status = tables.TemplateColumn(
        template_name="callback/status_cell.html", verbose_name="Status", orderable=False
    )

    class Meta:
        template_name = "components/table.html"
        order_by_field = "sort"

    def value_of(self, row: Row) -> str:
        """The key of a row, for its link."""
        return row.callback.get_absolute_url()
