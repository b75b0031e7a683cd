"""Screens: Admin. Limits and their effect, service levels, roles; strict CSP holds here, too."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from callbacks.models import (
    Agent,
    Callback,
    ContactList,
    Holiday,
    Outcome,
    Queue,
    Role,
    ServiceLevel,
    Shift,
    Skill,
    Team,
    User,
)
from dashboard.admin import durations
from tests.cast import Cast, agent, make_callback, make_cast, person

pytestmark = pytest.mark.django_db
Enter = Callable[[User], Client]
MODELS = sorted(model._meta.label_lower.replace(".", "_") for model in admin.site._registry)
CHANGED = ("queue", "servicelevel", "user", "agent", "team", "skill", "outcome", "shift", "holiday",
           "contactlist", "contactlistentry")  # fmt: skip
LOOKED_AT = ("callback", "historyevent", "outboxmessage")


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


def ticked(page: Any) -> dict[str, str]:
    """The box that a page offers, ticked."""
    boxes = re.findall(
        r'<input type="checkbox" name="(\S*confirm_impact)" value="(\w+)"', text(page)
    )
    assert boxes, "nothing to tick"
    return dict(boxes)


def text(page: Any) -> str:
    return str(page.content.decode())


def in_days(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def owned(cast: Cast, days: int = 5) -> Callback:
    """Ana's callback, some days from today."""
    return make_callback(
        cast.support, cast.ana, at=datetime.now(UTC), owner_id=cast.ana.pk, date=in_days(days)
    )


def address_of(thing: Any, page: str = "change") -> str:
    return reverse(f"admin:{thing._meta.label_lower.replace('.', '_')}_{page}", args=[thing.pk])


def queue_address(queue: Queue) -> str:
    return reverse("admin:callbacks_queue_change", args=[queue.pk])


@pytest.mark.parametrize("name", MODELS)
def test_every_page_opens_for_admins_and_for_nobody_else(
    cast: Cast, enter: Enter, name: str
) -> None:
    made = make_callback(cast.support, cast.ana)
    assert made.pk
    address = reverse(f"admin:{name}_changelist")
    assert enter(cast.ada).get(address).status_code == 200
    add = enter(cast.ada).get(reverse(f"admin:{name}_add"))
    assert add.status_code in (200, 403)
    for other in (cast.ana, cast.sam):
        assert enter(other).get(address, follow=True).status_code == 404
    stranger = Client().get(address, follow=True)
    assert stranger.redirect_chain[-1][0].startswith("/login")


def one_of_each(cast: Cast) -> dict[str, Any]:
    """A row of every kind, by the name of its model."""
    made = owned(cast)
    barred = ContactList.objects.create(name="DNC")
    today = datetime.now(UTC)
    rows = [
        cast.support, ServiceLevel.objects.get(), cast.ana, cast.ana.agent, Team.objects.get(),
        Skill.objects.create(name="German"), Outcome.objects.create(name="Reached them"), barred,
        Shift.objects.create(agent=cast.ana.agent, starts_at=today, ends_at=today + timedelta(1)),
        Holiday.objects.create(name="New Year", date=today.date()),
        barred.entries.create(phone_number="+12125550123"),
        made, made.history.get(), made.outbox.get(),
    ]  # fmt: skip
    return {str(row._meta.model_name): row for row in rows}


def test_every_change_page_opens_for_admins_alone_and_has_nothing_inline(
    cast: Cast, enter: Enter
) -> None:
    ada, rows = enter(cast.ada), one_of_each(cast)
    assert set(rows) == {*CHANGED, *LOOKED_AT}
    addresses = ["/admin/", "/admin/password_change/"]
    for row in rows.values():
        addresses += [address_of(row), address_of(row, "history")]
    addresses += [reverse(f"admin:callbacks_{name}_changelist") for name in rows]
    addresses += [reverse(f"admin:callbacks_{name}_add") for name in CHANGED if name != "agent"]
    addresses.append(reverse("admin:auth_user_password_change", args=[cast.ana.pk]))
    for address in addresses:
        page = ada.get(address)
        assert page.status_code == 200, address
        assert_nothing_inline(page, address)
        for other in (cast.ana, cast.sam):
            assert enter(other).get(address, follow=True).status_code == 404, address
        assert Client().get(address, follow=True).redirect_chain[-1][0].startswith("/login")


def assert_nothing_inline(page: Any, address: str) -> None:
    policy = page["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*(src=|application/json))[^>]*>", text(page)), address
    assert not re.search(r"<style|\son\w+=\"|\sstyle=\"", text(page)), address


@pytest.mark.parametrize("name", LOOKED_AT)
def test_what_happened_is_looked_at_and_not_touched(cast: Cast, enter: Enter, name: str) -> None:
    ada, row = enter(cast.ada), one_of_each(cast)[name]
    listing = reverse(f"admin:callbacks_{name}_changelist")
    assert ada.get(reverse(f"admin:callbacks_{name}_add")).status_code == 403
    assert ada.post(address_of(row), {"reason": "x"}).status_code == 403
    assert ada.post(address_of(row, "delete"), {"post": "yes"}).status_code == 403
    acted = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
    ada.post(listing, acted)
    assert type(row).objects.filter(pk=row.pk).exists()
    assert str(row.pk) in text(ada.get(listing, {"q": str(row.pk)}))
    for term in ("nothing like it", "%", "9" * 40, str(cast.ana.pk)):
        found = ada.get(listing, {"q": term})
        assert found.status_code == 200
        assert f"{row.pk}/change" not in text(found), term


def test_a_callback_is_found_by_its_number_in_any_notation(cast: Cast, enter: Enter) -> None:
    made = owned(cast)
    spaced = f"{made.phone_number[:3]} {made.phone_number[3:5]} {made.phone_number[5:]}"
    found = enter(cast.ada).get(reverse("admin:callbacks_callback_changelist"), {"q": spaced})
    assert str(made.pk) in text(found)


@pytest.mark.parametrize("name", ["agent", "user", "team", "shift", "callback", "historyevent"])
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    cast: Cast, enter: Enter, name: str
) -> None:
    ada, listing = enter(cast.ada), reverse(f"admin:callbacks_{name}_changelist")
    few = queries_for(ada, listing)
    more_of_everything(cast)
    assert queries_for(ada, listing) == few


def test_members_and_suggestions_come_with_their_names(cast: Cast, enter: Enter) -> None:
    ada, page = enter(cast.ada), queue_address(cast.support)
    suggestions = (
        "/admin/autocomplete/?app_label=callbacks&model_name=queue&field_name=members&term=a"
    )
    few = queries_for(ada, page), queries_for(ada, suggestions)
    more_of_everything(cast)
    assert (queries_for(ada, page), queries_for(ada, suggestions)) == few


def queries_for(client: Client, address: str) -> int:
    """Statements of a page, without what Django looks up once in the life of a process."""
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def more_of_everything(cast: Cast) -> None:
    for number in range(12):
        each = agent(
            person(f"a{number}", f"Anna {number}", "UTC"), cast.ana.agent.team, cast.support
        )
        Team.objects.create(name=f"Team {number}", lead=each)
        today = datetime.now(UTC)
        Shift.objects.create(agent=each, starts_at=today, ends_at=today + timedelta(hours=8))
        make_callback(cast.support, each.user, at=today, owner_id=each.pk, date=in_days(2))


def test_the_admins_own_log_in_leads_to_the_products(cast: Cast, enter: Enter) -> None:
    stranger = Client().get("/admin/login/?next=/admin/callbacks/queue/")
    assert stranger["Location"] == "/login?next=/admin/callbacks/queue/"
    assert enter(cast.ada).get("/admin/login/")["Location"] == "/admin/"
    assert enter(cast.sam).get("/admin/login/").status_code == 404


def test_saving_a_limit_shows_what_lies_beyond_it_first(cast: Cast, enter: Enter) -> None:
    """Rules §3.6: nothing promised is changed."""
    made = owned(cast)
    client, address = enter(cast.ada), queue_address(cast.support)
    fields = {**filled_in(client, address), "schedule_ahead_limit": "3 days"}
    asked = client.post(address, fields)
    assert asked.status_code == 200
    assert "Open callbacks beyond the new limit: 1." in asked.content.decode()
    assert f"/callbacks?queue={cast.support.pk}&amp;beyond=1" in asked.content.decode()
    assert fields["schedule_ahead_limit"] in asked.content.decode()
    shown = re.search(r'href="(/admin/callbacks/callback/[^"]+)"', text(asked))
    assert shown
    assert str(made.pk) in text(client.get(unescape(shown[1])))
    cast.support.refresh_from_db()
    assert cast.support.schedule_ahead_limit == timedelta(days=7)
    saved = client.post(address, {**fields, **ticked(asked)}, follow=True)
    assert "Open callbacks beyond the new limit: 1." in saved.content.decode()
    cast.support.refresh_from_db()
    assert cast.support.schedule_ahead_limit == timedelta(days=3)
    made.refresh_from_db()
    assert (made.owner_id, made.version) == (cast.ana.pk, 1)
    listed = client.get(f"/callbacks?queue={cast.support.pk}&beyond=1")
    assert str(made.pk) in listed.content.decode()


def test_a_tick_counts_for_the_changes_it_was_shown_with(cast: Cast, enter: Enter) -> None:
    owned(cast)
    client, address = enter(cast.ada), queue_address(cast.support)
    fields = {**filled_in(client, address), "schedule_ahead_limit": "3 days"}
    tick = ticked(client.post(address, fields))
    other = {**fields, "schedule_ahead_limit": "1 hour", **tick}
    asked_again = client.post(address, other)
    assert ticked(asked_again) != tick
    assert client.post(address, {**fields, "confirm_impact": "on"}).status_code == 200
    assert client.post(address, {**other, **ticked(asked_again)}).status_code == 302


def test_a_raised_limit_is_saved_at_once(cast: Cast, enter: Enter) -> None:
    owned(cast)
    Queue.objects.filter(pk=cast.support.pk).update(schedule_ahead_limit=timedelta(days=1))
    client, address = enter(cast.ada), queue_address(cast.support)
    fields = {**filled_in(client, address), "schedule_ahead_limit": "2 days"}
    saved = client.post(address, fields, follow=True)
    assert "Open callbacks beyond the new limit: 1." in text(saved)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ownership_enabled": None}, "Owned callbacks here: 1."),
        ({"window_duration": "5 min"}, "Open callbacks with a longer window: 1."),
        ({"ownership_period": "2 h"}, "Open callbacks with a longer ownership period: 1."),
        ({"is_active": None}, "Open callbacks here: 1."),
        ({"members": []}, "Open callbacks of owners who no longer could own them: 1."),
        (
            {"required_skills": "German"},
            "Open callbacks of owners who no longer could own them: 1.",
        ),
    ],
)
def test_what_a_queue_s_change_does_to_promises_is_shown_and_said_again(
    cast: Cast, enter: Enter, change: dict[str, Any], said: str
) -> None:
    skill = Skill.objects.create(name="German")
    made = owned(cast)
    client, address = enter(cast.ada), queue_address(cast.support)
    if change == {"required_skills": "German"}:
        change = {"required_skills": [str(skill.pk)]}
    fields = {k: v for k, v in {**filled_in(client, address), **change}.items() if v is not None}
    asked = client.post(address, fields)
    assert said in text(asked)
    assert said in text(client.post(address, {**fields, **ticked(asked)}, follow=True))
    made.refresh_from_db()
    assert (made.owner_id, made.version) == (cast.ana.pk, 1)


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
        ("2 weeks", timedelta(days=14)),
        ("1,5 h", timedelta(hours=1, minutes=30)),
        ("1,000 hours", None),
        ("999999999999 00:00:00", None),
        ("0 seconds", timedelta(0)),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, span: timedelta | None) -> None:
    assert durations.read(text) == span
    if span is not None:
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


def test_a_window_beyond_the_level_that_a_queue_is_to_have_is_refused(
    cast: Cast, enter: Enter
) -> None:
    """Rules §2.5: the window stays, the level changes."""
    quick = ServiceLevel.objects.create(name="Quick", threshold=timedelta(minutes=30))
    client, address = enter(cast.ada), queue_address(cast.support)
    fields = filled_in(client, address)
    refused = client.post(address, {**fields, "service_level": str(quick.pk)})
    assert "threshold of the service level “Quick”" in text(refused)
    level = enter(cast.ada).post(
        address, {**fields, "service_level": str(quick.pk), "window_duration": "30 minutes"}
    )
    assert level.status_code == 302


def test_for_all_callbacks_moves_and_is_never_lost(cast: Cast, enter: Enter) -> None:
    first = ServiceLevel.objects.get()
    quick = ServiceLevel.objects.create(name="Quick", threshold=timedelta(minutes=30))
    client = enter(cast.ada)
    alone = filled_in(client, address_of(first))
    del alone["is_for_all_callbacks"]
    assert "Tick it in another level instead" in text(client.post(address_of(first), alone))
    assert client.post(address_of(first, "delete"), {"post": "yes"}).status_code == 403
    fields = {**filled_in(client, address_of(quick)), "is_for_all_callbacks": "on"}
    assert "Support (1 hour)" in text(client.post(address_of(quick), fields))
    moved = client.post(address_of(quick), {**fields, "threshold": "2 hours"}, follow=True)
    assert "“Quick” is for all callbacks now, in place of “Callback Response”" in text(moved)
    assert ServiceLevel.objects.for_all_callbacks().get() == quick


@pytest.mark.django_db(transaction=True)
def test_who_widens_a_window_waits_for_who_lowers_the_threshold() -> None:
    """Rules §2.5 with two admins at once: the second sees what the first saved."""
    cast = make_cast()
    level, _ = ServiceLevel.objects.get_or_create(
        name="Callback Response", defaults={"is_for_all_callbacks": True}
    )
    client = Client()
    client.force_login(cast.ada, backend="django.contrib.auth.backends.ModelBackend")
    address = queue_address(cast.support)
    fields = {**filled_in(client, address), "window_duration": "20 hours"}

    def widen() -> str:
        try:
            return text(client.post(address, fields))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ServiceLevel.objects.select_for_update().get(pk=level.pk)
            ServiceLevel.objects.filter(pk=level.pk).update(threshold=timedelta(hours=10))
            second = pool.submit(widen)
            with pytest.raises(TimeoutError):
                second.result(timeout=1)
        assert "longer than the threshold" in second.result(timeout=10)
    assert Queue.objects.get(pk=cast.support.pk).window_duration == timedelta(hours=1)


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_who_go_at_once_one_stays() -> None:
    cast = make_cast()
    eve = person("eve", "Eve Moreau", "UTC", Role.ADMIN)
    client = Client()
    client.force_login(eve, backend="django.contrib.auth.backends.ModelBackend")
    address = address_of(cast.ada)
    fields = {**filled_in(client, address), "role": "agent"}

    def demote() -> str:
        try:
            return text(client.post(address, fields))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=eve.pk)
            User.objects.filter(pk=eve.pk).update(role=Role.SUPERVISOR)
            second = pool.submit(demote)
            with pytest.raises(TimeoutError):
                second.result(timeout=1)
        assert "This is the last active admin" in second.result(timeout=10)


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
    assert client.post(address, {**fields, **ticked(asked)}).status_code == 302


def test_nobody_is_deleted(cast: Cast, enter: Enter) -> None:
    ada = enter(cast.ada)
    owned(cast)
    for thing in (cast.ana, cast.ana.agent, cast.support, Team.objects.get()):
        assert ada.post(address_of(thing, "delete"), {"post": "yes"}).status_code == 403


def test_own_role_and_activity_cannot_be_forged(cast: Cast, enter: Enter) -> None:
    person("eve", "Eve Moreau", "UTC", Role.ADMIN)
    client, own = enter(cast.ada), address_of(cast.ada)
    fields = {**filled_in(client, own), "name": "Ada L.", "role": "agent"}
    assert client.post(own, fields).status_code == 302
    cast.ada.refresh_from_db()
    assert (cast.ada.name, cast.ada.role, cast.ada.is_active) == ("Ada L.", "admin", True)


def test_a_new_password_lets_the_person_in(cast: Cast, enter: Enter) -> None:
    address = reverse("admin:auth_user_password_change", args=[cast.ana.pk])
    passwords = {"password1": "sunflower-orbit-9", "password2": "sunflower-orbit-9"}
    saved = enter(cast.ada).post(address, {**passwords, "usable_password": "true"})
    assert saved.status_code == 302
    entered = Client().post("/login", {"username": "ana", "password": "sunflower-orbit-9"})
    assert entered.status_code == 302


def test_two_people_cannot_have_one_user_name(cast: Cast, enter: Enter) -> None:
    refused = enter(cast.ada).post(
        reverse("admin:callbacks_user_add"),
        {
            "username": "ANA", "name": "Ana Two", "role": "agent", "time_zone": "UTC",
            "usable_password": "true", "password1": "sunflower-orbit-9", "password2": "sunflower-orbit-9",
        },
    )  # fmt: skip
    assert "User with this Username already exists" in text(refused)


def test_a_lead_is_an_agent_of_the_team_and_stays(cast: Cast, enter: Enter) -> None:
    client, team = enter(cast.ada), Team.objects.get()
    fields = filled_in(client, address_of(team))
    refused = client.post(address_of(team), {**fields, "lead": str(cast.otto.pk)})
    assert "Otto Berg is not in this team" in text(refused)
    assert client.post(address_of(team), {**fields, "lead": str(cast.ben.pk)}).status_code == 302
    leading = filled_in(client, address_of(cast.ben.agent))
    leaving = client.post(address_of(cast.ben.agent), {**leading, "team": ""})
    assert "Leads Support" in text(leaving)


def test_a_skill_is_not_taken_from_an_owner_unseen(cast: Cast, enter: Enter) -> None:
    skill = Skill.objects.create(name="German")
    cast.support.required_skills.add(skill)
    cast.ana.agent.skills.add(skill)
    owned(cast)
    client, address = enter(cast.ada), address_of(cast.ana.agent)
    fields = {**filled_in(client, address), "skills": [], "presence": "away"}
    before = cast.ana.agent.presence_changed_at
    asked = client.post(address, fields)
    assert "Open callbacks that this agent no longer could own: 1." in text(asked)
    assert client.post(address, {**fields, **ticked(asked)}).status_code == 302
    changed = Agent.objects.get(pk=cast.ana.pk)
    assert (changed.presence, changed.presence_changed_at > before) == ("away", True)
    on_person = filled_in(client, address_of(cast.ana))
    assert client.post(address_of(cast.ana), on_person).status_code == 302


def test_numbers_of_contact_lists_are_read_in_any_notation(cast: Cast, enter: Enter) -> None:
    client = enter(cast.ada)
    client.post(reverse("admin:callbacks_contactlist_add"), {"name": "DNC", "is_active": "on"})
    barred = ContactList.objects.get()
    address = reverse("admin:callbacks_contactlistentry_add")
    fields = {"contact_list": str(barred.pk), "is_uncallable": "on", "country": "US"}
    assert "too short" in client.post(address, {**fields, "phone_number": "12"}).content.decode()
    client.post(address, {**fields, "phone_number": "(212) 555-0100"})
    twice = client.post(address, {**fields, "phone_number": "+1 212 555 0100"})
    assert "on the list already" in text(twice)
    entry = barred.entries.get()
    assert (entry.phone_number, entry.changed_by) == ("+12125550100", cast.ada)
    listing = reverse("admin:callbacks_contactlistentry_changelist")
    assert "+12125550100" in text(client.get(listing, {"q": "+1 (212) 555"}))
    british = {**fields, "country": "GB", "phone_number": "020 7946 0018"}
    client.post(address, british)
    assert barred.entries.filter(phone_number="+442079460018").exists()
    assert client.post(address_of(barred, "delete"), {"post": "yes"}).status_code == 403


def test_rules_3_5_the_two_settings_of_ownership_stand_together(cast: Cast, enter: Enter) -> None:
    """So that an admin sees the promise that is being made."""
    address = f"/admin/callbacks/queue/{cast.support.pk}/change/"
    page = enter(cast.ada).get(address).content.decode()
    row = page.split("field-when_owner_cannot")[1].split("</fieldset>")[0]
    assert (
        "field-on_expiry" in page.split("field-when_owner_cannot")[0].rsplit("form-row", 1)[1] + row
    )
    for choice in ("Keep waiting for the owner", "Reassign to a peer, else the team lead",
                   "Disconnect: the promise expires", "Return it to the queue"):  # fmt: skip
        assert choice in row or choice in page
    assert "it may go to a peer or keep waiting" in " ".join(page.split())
