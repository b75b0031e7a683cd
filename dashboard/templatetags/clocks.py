"""Times in templates: always with the zone that they are meant in."""

from datetime import datetime, timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from callbacks.rules import moments
from dashboard import clocks

register = template.Library()


@register.filter
def offset(value: timedelta) -> str:
    """``UTC−05:00``"""
    return moments.offset_text(value)


@register.filter
def city(zone: str) -> str:
    """``New York`` for ``America/New_York``"""
    return clocks.city(zone)


@register.filter
def hands(local: datetime) -> str:
    """``14:05`` of an aware local moment. Django's own ``date`` would convert it to UTC first."""
    return f"{local:%H:%M}"


@register.filter
def day(local: datetime) -> str:
    """``Sun 20 Dec 2026`` of an aware local moment."""
    return f"{local:%a %-d %b %Y}"


@register.simple_tag
def moment(instant: datetime, zone: str) -> SafeString:
    """The instant on the clocks of a zone, named; machines read it in UTC."""
    return format_html(
        '<time datetime="{}">{} <span class="zone">{}</span></time>',
        instant.isoformat(),
        clocks.day_and_time(instant, zone),
        clocks.city(zone),
    )
