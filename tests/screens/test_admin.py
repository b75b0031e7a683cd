"""Screens: Admin. Limits and their effect, service levels, roles; strict CSP holds here, too."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from callbacks.models import ContactList, Queue, Role, ServiceLevel, User
from dashboard.admin import durations
from tests.cast import Cast, make_callback

pytestmark = pytest.mark.django_db
Enter = Callable[[User], Client]
MODELS = sorted(model._meta.model_name for model in admin.site._registry)


def filled_in(client: Client, address: str) -> dict[str, Any]:
    """The form of a page, as a browser would send it back."""
    page = client.get(address)
    assert page.status_code == 200, address
    form = page.context["adminform"].form
    fields: dict[str, Any] = {}
    forms = [form, *(f.formset.management_form for f in page.context["inline_admin_formsets"])]
    forms += [each for f in page.context["inline_admin_formsets"] for each in f.formset.forms]
    for one in forms:
        for bound in one:
            value = bound.value()
            if value is None or value is False:
                continue
            fields[bound.html_name] = "on" if value is True else value
    return fields


def queue_address(queue: Queue) -> str:
    return reverse("admin:callbacks_queue_change", args=[queue.pk])


@pytest.mark.parametrize("name", MODELS)
def test_every_page_opens_for_admins_and_for_nobody_else(
    cast: Cast, enter: Enter, name: str
) -> None:
    made = make_callback(cast.support, cast.ana)
    assert made.pk
    address = reverse(f"admin:callbacks_{name}_changelist")
    assert enter(cast.ada).get(address).status_code == 200
    add = enter(cast.ada).get(reverse(f"admin:callbacks_{name}_add"))
    assert add.status_code in (200, 403)
    for other in (cast.ana, cast.sam):
        assert enter(other).get(address, follow=True).status_code == 404
    stranger = Client().get(address, follow=True)
    assert stranger.redirect_chain[-1][0].startswith("/login")


def test_no_page_has_anything_inline(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ada)
    for address in ("/admin/", queue_address(cast.support), reverse("admin:callbacks_user_add")):
        page = client.get(address)
        assert "unsafe" not in page["Content-Security-Policy"]
        text = page.content.decode()
        assert not re.search(r"<script(?![^>]*(src=|application/json))[^>]*>", text)
        assert not re.search(r"<style|\son\w+=\"|\sstyle=\"", text), address


def test_saving_a_limit_shows_what_lies_beyond_it_first(cast: Cast, enter: Enter) -> None:
    """Rules §3.6: nothing promised is changed."""
    in_five_days = datetime.now(UTC) + timedelta(days=5)
    made = make_callback(
        cast.support, cast.ana, at=datetime.now(UTC), owner_id=cast.ana.pk,
        date=f"{in_five_days:%Y-%m-%d}",
    )  # fmt: skip
    client, address = enter(cast.ada), queue_address(cast.support)
    fields = {**filled_in(client, address), "schedule_ahead_limit": "3 days"}
    asked = client.post(address, fields)
    assert asked.status_code == 200
    assert "Open callbacks beyond the new limit: 1." in asked.content.decode()
    assert f"/callbacks?queue={cast.support.pk}&amp;beyond=1" in asked.content.decode()
    saved = client.post(address, {**fields, "confirm_impact": "on"}, follow=True)
    assert "Open callbacks beyond the new limit: 1." in saved.content.decode()
    cast.support.refresh_from_db()
    assert cast.support.schedule_ahead_limit == timedelta(days=3)
    made.refresh_from_db()
    assert (made.owner_id, made.version) == (cast.ana.pk, 1)
    listed = client.get(f"/callbacks?queue={cast.support.pk}&beyond=1")
    assert str(made.pk) in listed.content.decode()


def test_a_harmless_limit_is_saved_at_once_and_says_so(cast: Cast, enter: Enter) -> None:
    client, address = enter(cast.ada), queue_address(cast.support)
    fields = {**filled_in(client, address), "schedule_ahead_limit": "3 days"}
    saved = client.post(address, fields, follow=True)
    assert "Open callbacks beyond the new limit: 0." in saved.content.decode()


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("schedule_ahead_limit", "59 minutes", "must be 1 hour to 30 days"),
        ("schedule_ahead_limit", "31 days", "must be 1 hour to 30 days"),
        ("ownership_period", "8 days", "must be 1 hour to 7 days"),
        ("ownership_period", "soon", "Write it like"),
        ("window_duration", "25 hours", "Callback Response"),
    ],
)
def test_limits_out_of_range_are_refused_in_words(
    cast: Cast, enter: Enter, field: str, text: str, message: str
) -> None:
    """Rules §3.1, §2.5."""
    client, address = enter(cast.ada), queue_address(cast.support)
    refused = client.post(address, {**filled_in(client, address), field: text})
    assert refused.status_code == 200
    assert message in refused.content.decode()
    assert text in refused.content.decode()


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("7 days", timedelta(days=7)),
        ("1 h 30 min", timedelta(hours=1, minutes=30)),
        ("90 minutes", timedelta(minutes=90)),
        ("1d 12h", timedelta(days=1, hours=12)),
        ("1.5 hours", timedelta(hours=1, minutes=30)),
        ("7 00:00:00", timedelta(days=7)),
        ("a while", None),
        ("7", None),
        ("７ days", None),
        ("7 parsecs", None),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, span: timedelta | None) -> None:
    assert durations.read(text) == span
    if span:
        assert durations.read(durations.exactly(span)) == span


def test_a_threshold_below_a_queues_window_is_refused(cast: Cast, enter: Enter) -> None:
    """Rules §2.5, the reverse."""
    level = ServiceLevel.objects.get(name="Callback Response")
    client = enter(cast.ada)
    address = reverse("admin:callbacks_servicelevel_change", args=[level.pk])
    fields = {**filled_in(client, address), "threshold": "59 minutes"}
    refused = client.post(address, fields)
    assert "Support (1 hour)" in refused.content.decode()
    assert client.post(address, {**fields, "threshold": "1 hour"}).status_code == 302


def test_callback_response_exists_from_the_start(cast: Cast) -> None:
    level = ServiceLevel.objects.get(name="Callback Response")
    assert (level.threshold, level.target_percent) == (timedelta(hours=24), 90)
    assert level.is_for_all_callbacks


def test_a_person_is_made_with_a_password_and_can_log_in(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ada)
    made = client.post(
        reverse("admin:callbacks_user_add"),
        {
            "username": "mia", "name": "Mia Lang", "role": "agent", "time_zone": "Europe/Vienna",
            "usable_password": "true", "password1": "sunflower-orbit-9", "password2": "sunflower-orbit-9",
        },
    )  # fmt: skip
    assert made.status_code == 302
    entered = Client().post("/login", {"username": "mia", "password": "sunflower-orbit-9"})
    assert entered.status_code == 302


def test_the_last_admin_stays_and_nobody_changes_their_own_role(cast: Cast, enter: Enter) -> None:
    second = User.objects.create_user("eve", "x", name="Eve", role=Role.ADMIN)
    own = reverse("admin:callbacks_user_change", args=[cast.ada.pk])
    client = enter(cast.ada)
    assert "role" not in filled_in(client, own)
    other = reverse("admin:callbacks_user_change", args=[second.pk])
    fields = filled_in(client, other)
    User.objects.filter(pk=cast.ada.pk).update(is_active=False)
    alone = enter(second).post(other, {**fields, "is_active": "on", "role": "agent"})
    assert User.objects.get(pk=second.pk).role == Role.ADMIN, alone.status_code
    User.objects.filter(pk=cast.ada.pk).update(is_active=True)
    assert client.post(other, {**fields, "role": "agent"}).status_code == 302
    eve = enter(User.objects.get(pk=second.pk))
    assert eve.get("/admin/", follow=True).status_code == 404


def test_who_owns_promises_is_not_deactivated_unseen(cast: Cast, enter: Enter) -> None:
    make_callback(cast.support, cast.ana, at=datetime.now(UTC), owner_id=cast.ana.pk,
                  date=f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}")  # fmt: skip
    client = enter(cast.ada)
    address = reverse("admin:callbacks_user_change", args=[cast.ana.pk])
    fields = filled_in(client, address)
    del fields["is_active"]
    asked = client.post(address, fields)
    assert "Open callbacks of this person: 1." in asked.content.decode()
    assert client.post(address, {**fields, "confirm_impact": "on"}).status_code == 302


def test_numbers_of_contact_lists_are_read_in_any_notation(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ada)
    client.post(reverse("admin:callbacks_contactlist_add"), {"name": "DNC", "is_active": "on"})
    barred = ContactList.objects.get()
    address = reverse("admin:callbacks_contactlistentry_add")
    fields = {"contact_list": str(barred.pk), "is_uncallable": "on"}
    assert "too short" in client.post(address, {**fields, "phone_number": "12"}).content.decode()
    client.post(address, {**fields, "phone_number": "(212) 555-0100"})
    entry = barred.entries.get()
    assert (entry.phone_number, entry.changed_by) == ("+12125550100", cast.ada)
