"""Webhooks: the database itself notes for whom each event of the history is meant.

A trigger, as for the live screens: no writer can forget it, and what is rolled back was never noted.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
from django.db import migrations, models

import callbacks.models.encrypted
import callbacks.models.keys

FAN_OUT = """
CREATE FUNCTION ringback_event_type(what text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN what = 'scheduled' THEN 'callback.created'
        WHEN what IN (
            'rescheduled', 'changed', 'ownership_taken', 'ownership_given_up', 'handed_over',
            'held', 'reassigned', 'returned', 'declined', 'missed', 'withdrawn', 'accepted',
            'interrupted', 'retry', 'failed', 'converted', 'revived'
        ) THEN 'callback.changed'
        WHEN what = 'fell_due' THEN 'callback.due'
        WHEN what = 'offered' THEN 'callback.offered'
        WHEN what = 'completed' THEN 'callback.completed'
        WHEN what = 'expired' THEN 'callback.expired'
        WHEN what = 'cancelled' THEN 'callback.cancelled'
    END
$$;
-- A program that is switched off is told nothing, one limited to queues of these alone.
CREATE FUNCTION ringback_may_see(program uuid, told uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM callbacks_apiclient WHERE id = program AND is_active) AND (
        NOT EXISTS (SELECT FROM callbacks_apiclient_queues WHERE apiclient_id = program)
        OR EXISTS (
            SELECT FROM callbacks_apiclient_queues AS mine
            JOIN callbacks_callback AS one ON one.queue_id = mine.queue_id
            WHERE mine.apiclient_id = program AND one.id = told
        )
    )
$$;
CREATE FUNCTION ringback_tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text := ringback_event_type(NEW.what);
BEGIN
    -- The lock keeps a webhook that is being removed from failing the change that is told.
    INSERT INTO callbacks_webhookdelivery (
        webhook_id, callback_id, event, type, created_at, state, attempts, next_attempt_at,
        give_up_at, body, response_text, error
    )
    SELECT id, NEW.callback_id, NEW.id, told, NEW.at, 'waiting', 0, NEW.at,
        NEW.at + interval '24 hours', '', '', ''
    FROM callbacks_webhook WHERE is_active AND told = ANY (events)
        AND (client_id IS NULL OR ringback_may_see(client_id, NEW.callback_id))
    FOR KEY SHARE;
    RETURN NULL;
END $$;
CREATE TRIGGER history_is_told_to_webhooks AFTER INSERT ON callbacks_historyevent
    FOR EACH ROW WHEN (current_setting('ringback.quiet', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION ringback_tell_webhooks();
"""
NO_FAN_OUT = """
DROP TRIGGER history_is_told_to_webhooks ON callbacks_historyevent;
DROP FUNCTION ringback_tell_webhooks();
DROP FUNCTION ringback_may_see(uuid, uuid);
DROP FUNCTION ringback_event_type(text);
"""


class Migration(migrations.Migration):
    """Reversible."""

    dependencies = [
        ("callbacks", "0007_api"),
    ]

    operations = [
        migrations.CreateModel(
            name="Webhook",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=callbacks.models.keys.new_key,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("url", models.TextField()),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("callback.created", "Created"),
                                ("callback.changed", "Changed"),
                                ("callback.due", "Due"),
                                ("callback.offered", "Offered to an agent"),
                                ("callback.completed", "Completed"),
                                ("callback.expired", "Expired"),
                                ("callback.cancelled", "Cancelled"),
                                ("callback.overdue", "Overdue"),
                                ("callback.stuck", "Stuck"),
                                ("callback.sla_breached", "Service level breached"),
                            ],
                            max_length=32,
                        ),
                        size=None,
                    ),
                ),
                ("secret", callbacks.models.encrypted.EncryptedTextField()),
                ("previous_secret", callbacks.models.encrypted.EncryptedTextField(null=True)),
                ("previous_secret_until", models.DateTimeField(null=True)),
                ("is_active", models.BooleanField(default=True)),
                ("disabled_reason", models.CharField(blank=True, max_length=200)),
                (
                    "client",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="callbacks.apiclient",
                    ),
                ),
                ("created_by_name", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("told_since", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_success_at", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("rests_until", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event", models.UUIDField()),
                ("type", models.CharField(max_length=32)),
                ("created_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("delivered", "Delivered"),
                            ("parked", "Parked: needs a person"),
                            ("discarded", "Discarded"),
                        ],
                        default="waiting",
                        max_length=12,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField()),
                ("give_up_at", models.DateTimeField()),
                ("body", models.TextField(blank=True)),
                ("response_status", models.PositiveSmallIntegerField(null=True)),
                ("response_text", models.TextField(blank=True)),
                ("error", models.TextField(blank=True)),
                ("attempted_at", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="WebhookWatch",
            fields=[
                ("question", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("seen_until", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["window_ends_at"],
                name="callback_window_ends",
            ),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True), ("attempts_made", 0)),
                fields=["due_by"],
                name="callback_due_by",
            ),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(
                django.db.models.functions.comparison.Greatest("requested_at", "updated_at"),
                condition=models.Q(("ended_at__isnull", True)),
                name="callback_quiet_since",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.UniqueConstraint(
                fields=("url", "client"), nulls_distinct=False, name="webhook_address_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("events__len__gte", 1),
                    (
                        "events__contained_by",
                        [
                            "callback.cancelled",
                            "callback.changed",
                            "callback.completed",
                            "callback.created",
                            "callback.due",
                            "callback.expired",
                            "callback.offered",
                            "callback.overdue",
                            "callback.sla_breached",
                            "callback.stuck",
                        ],
                    ),
                ),
                name="webhook_events_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("disabled_reason", ""), ("is_active", True)),
                    models.Q(
                        ("is_active", False), models.Q(("disabled_reason", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="webhook_disabled_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("previous_secret__isnull", True), ("previous_secret_until__isnull", True)
                    ),
                    models.Q(
                        ("previous_secret__isnull", False), ("previous_secret_until__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="webhook_previous_secret_ends",
            ),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="callback",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="webhook_deliveries",
                to="callbacks.callback",
            ),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="webhook",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="callbacks.webhook",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["webhook", "next_attempt_at", "id"],
                name="webhook_delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["webhook", "callback", "id"],
                name="webhook_delivery_line",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["webhook", "id"], name="webhook_delivery_shown"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "delivered"), _negated=True),
                fields=["webhook", "state", "id"],
                name="webhook_delivery_undelivered",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("settled_at__isnull", False)),
                fields=["settled_at"],
                name="webhook_delivery_settled",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(
                fields=("webhook", "event"), name="webhook_told_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settled_at__isnull", True), ("state", "waiting")),
                    models.Q(
                        ("settled_at__isnull", False),
                        ("state__in", ["delivered", "parked", "discarded"]),
                    ),
                    _connector="OR",
                ),
                name="webhook_delivery_settled_when_done",
            ),
        ),
        migrations.RunSQL(FAN_OUT, NO_FAN_OUT),
    ]
