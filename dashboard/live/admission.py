"""Who may have a stream: the people behind session keys, any number in two statements."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import OuterRef
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from callbacks.models import Queue, Role, User
from dashboard.live.hearer import Hearer

MEMBERS = Queue.members.through._default_manager
SUPERVISORS = Queue.supervisors.through._default_manager


def hearers(keys: Collection[str]) -> dict[str, Hearer]:
    """Who is logged in under which of these session keys; strangers are left out.

    As Django decides for a page: the session stands, the person is active, and the password is
    still the one of the log-in.
    """
    sessions = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    claims = {
        key: claim
        for key, data in sessions.values_list("session_key", "session_data")
        if (claim := _claim(data))
    }
    people = {str(person.pk): person for person in _active(user for user, _ in claims.values())}
    return {
        key: _hearer(people[user])
        for key, (user, digest) in claims.items()
        if user in people and _is_still_theirs(people[user], digest)
    }


@lru_cache(maxsize=4096)
def _claim(session_data: str) -> tuple[str, str] | None:
    """The person's key and the digest of their password, as the session says; signed, so once."""
    kept = SessionStore().decode(session_data)
    if kept.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    return str(kept.get(SESSION_KEY, "")), str(kept.get(HASH_SESSION_KEY, ""))


def _active(keys: Any) -> Any:
    member_of = MEMBERS.filter(agent_id=OuterRef("pk")).values("queue_id")
    supervises = SUPERVISORS.filter(user_id=OuterRef("pk")).values("queue_id")
    return User.objects.filter(pk__in=set(keys), is_active=True).annotate(
        queues_of_member=ArraySubquery(member_of), queues_of_supervisor=ArraySubquery(supervises)
    )


def _is_still_theirs(user: User, digest: str) -> bool:
    known = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(digest, one) for one in known)


def _hearer(user: Any) -> Hearer:
    is_supervisor = user.role == Role.SUPERVISOR
    return Hearer(
        user=str(user.pk),
        role=user.role,
        member_of=frozenset(map(str, user.queues_of_member)),
        supervises=frozenset(map(str, user.queues_of_supervisor if is_supervisor else ())),
    )
