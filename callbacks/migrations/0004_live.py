"""Live screens: the database itself tells who listens that a callback or an agent changed.

A trigger, so that no writer can forget it and no change costs a further statement. It says only
whom the change concerns, never what it is; who hears of it asks for what they may see.
"""

from django.db import migrations

TELL = """
CREATE FUNCTION ringback_tell_of_callback() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was callbacks_callback%ROWTYPE;
BEGIN
    IF current_setting('ringback.quiet', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        was := OLD;
    ELSE
        was := NEW;
    END IF;
    PERFORM pg_notify('ringback', json_build_object(
        'callback', NEW.id,
        'version', NEW.version,
        'people', (
            SELECT json_agg(DISTINCT person) FROM unnest(ARRAY[
                NEW.owner_id, NEW.preferred_agent_id, NEW.created_by_id, NEW.agent_id,
                was.owner_id, was.preferred_agent_id, was.agent_id
            ]) AS person WHERE person IS NOT NULL
        ),
        'queues', (
            SELECT json_agg(DISTINCT queue)
            FROM unnest(ARRAY[NEW.queue_id, was.queue_id]) AS queue
        ),
        'unowned', NEW.owner_id IS NULL OR was.owner_id IS NULL
    )::text);
    RETURN NULL;
END $$;
CREATE TRIGGER callback_made_is_told AFTER INSERT ON callbacks_callback
    FOR EACH ROW EXECUTE FUNCTION ringback_tell_of_callback();
CREATE TRIGGER callback_changed_is_told AFTER UPDATE ON callbacks_callback
    FOR EACH ROW WHEN (OLD.version IS DISTINCT FROM NEW.version)
    EXECUTE FUNCTION ringback_tell_of_callback();

CREATE FUNCTION ringback_tell_of_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ringback', json_build_object('agent', NEW.user_id)::text);
    RETURN NULL;
END $$;
CREATE TRIGGER agent_changed_is_told AFTER UPDATE ON callbacks_agent
    FOR EACH ROW WHEN (
        OLD.presence IS DISTINCT FROM NEW.presence
        OR OLD.not_responding_since IS DISTINCT FROM NEW.not_responding_since
    )
    EXECUTE FUNCTION ringback_tell_of_agent();
"""
TELL_NOBODY = """
DROP TRIGGER agent_changed_is_told ON callbacks_agent;
DROP FUNCTION ringback_tell_of_agent();
DROP TRIGGER callback_changed_is_told ON callbacks_callback;
DROP TRIGGER callback_made_is_told ON callbacks_callback;
DROP FUNCTION ringback_tell_of_callback();
"""


class Migration(migrations.Migration):
    """Reversible."""

    dependencies = [("callbacks", "0003_time_moves")]

    operations = [migrations.RunSQL(TELL, TELL_NOBODY)]
