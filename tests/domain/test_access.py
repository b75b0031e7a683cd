"""Rules §7: who may see and do what; the table of ``access``, cell by cell."""

import pytest

from callbacks import access
from callbacks.models import Callback, User
from callbacks.scheduling import cancel, take_ownership
from tests.cast import NOW, Cast, by, make_callback

pytestmark = pytest.mark.django_db
PEOPLE = ("ana", "ben", "lena", "otto", "sam", "ada")


def who(cast: Cast, question: str, callback: Callback) -> set[str]:
    """Everybody for whom the answer is yes."""
    answers = {
        "read": lambda user: access.readable(by(user)).filter(pk=callback.pk).exists(),
        "edit": lambda user: access.may_edit(by(user), callback),
        "take": lambda user: access.may_take(by(user), callback),
        "override": lambda user: access.may_override_lock(by(user), callback),
        "assign": lambda user: access.may_assign(by(user), callback),
    }
    return {name for name in PEOPLE if answers[question](getattr(cast, name))}


@pytest.mark.parametrize(
    ("kind", "question", "allowed"),
    [
        ("owned", "read", {"ana", "sam", "ada"}),
        ("owned", "edit", {"ana", "sam", "ada"}),
        ("owned", "take", set()),
        ("owned", "assign", {"ana", "sam", "ada"}),
        ("owned", "override", {"sam", "ada"}),
        ("preferred", "read", {"ana", "ben", "lena", "sam", "ada"}),
        ("preferred", "edit", {"ana", "sam", "ada"}),
        ("unowned", "read", {"ana", "ben", "lena", "sam", "ada"}),
        ("unowned", "edit", {"sam", "ada"}),
        ("unowned", "take", {"ana", "ben", "lena"}),
        ("unowned", "assign", {"sam", "ada"}),
        ("other queue", "read", {"otto", "ada"}),
        ("other queue", "edit", {"ada"}),
        ("other queue", "take", {"otto"}),
    ],
)
def test_the_table_of_permissions(cast: Cast, kind: str, question: str, allowed: set[str]) -> None:
    makes = {
        "owned": lambda: make_callback(cast.support, cast.sam, owner_id=cast.ana.pk),
        "preferred": lambda: make_callback(cast.support, cast.sam, preferred_agent_id=cast.ana.pk),
        "unowned": lambda: make_callback(cast.support, cast.sam),
        "other queue": lambda: make_callback(cast.billing, cast.ada),
    }
    assert who(cast, question, makes[kind]()) == allowed


def test_who_made_it_may_edit_it(cast: Cast) -> None:
    made = make_callback(cast.support, cast.ben, owner_id=cast.ana.pk)
    assert "ben" in who(cast, "edit", made)
    assert "lena" not in who(cast, "read", made)


def test_somebody_deactivated_sees_and_does_nothing(cast: Cast) -> None:
    made = make_callback(cast.support, cast.ana, owner_id=cast.ana.pk)
    User.objects.filter(pk=cast.ana.pk).update(is_active=False)
    cast.ana.refresh_from_db()
    assert who(cast, "read", made) == {"sam", "ada"}
    assert not access.may_edit(by(cast.ana), made)


def test_the_verbs_themselves_do_not_find_what_one_may_not_read(cast: Cast) -> None:
    made = make_callback(cast.support, cast.ana, owner_id=cast.ana.pk)
    with pytest.raises(Callback.DoesNotExist):
        cancel(made.pk, reason="x", by=by(cast.otto), at=NOW, version=1)
    with pytest.raises(Callback.DoesNotExist):
        take_ownership(made.pk, by=by(cast.otto), at=NOW, version=1)
