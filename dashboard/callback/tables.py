"""The table of callbacks: which columns there are, and which of them sort."""

import django_tables2 as tables


class CallbackTable(tables.Table):  # type: ignore[misc]
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
