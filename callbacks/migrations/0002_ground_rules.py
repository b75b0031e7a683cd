"""What is there from the start: append-only history, the first service level, the usual outcomes."""

from datetime import timedelta
from typing import Any

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION ringback_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('ringback.erasing', true) = 'on' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'history is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER history_is_append_only BEFORE UPDATE OR DELETE ON callbacks_historyevent
    FOR EACH ROW EXECUTE FUNCTION ringback_history_is_append_only();
"""
NOT_APPEND_ONLY = """
DROP TRIGGER history_is_append_only ON callbacks_historyevent;
DROP FUNCTION ringback_history_is_append_only();
"""
OUTCOMES = {
    "Reached": "completed",
    "No answer": "retry",
    "Busy": "retry",
    "Voicemail left": "retry",
    "Wrong number": "failed",
    "Declined by contact": "failed",
}


def add_first_rows(apps: Any, schema_editor: Any) -> None:
    """The service level of G §3, and outcomes that an admin may change."""
    apps.get_model("callbacks", "ServiceLevel").objects.get_or_create(
        name="Callback Response",
        defaults={
            "threshold": timedelta(hours=24),
            "target_percent": 90,
            "is_for_all_callbacks": True,
        },
    )
    outcomes = apps.get_model("callbacks", "Outcome").objects
    for name, effect in OUTCOMES.items():
        outcomes.get_or_create(name=name, defaults={"effect": effect})


class Migration(migrations.Migration):
    """Reversible: the rows stay, which hurts nobody."""

    dependencies = [("callbacks", "0001_initial")]

    operations = [
        migrations.RunSQL(APPEND_ONLY, NOT_APPEND_ONLY),
        migrations.RunPython(add_first_rows, migrations.RunPython.noop),
    ]
