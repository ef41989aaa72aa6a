-- The log, its parts, its tree and the rows that it projects to. Instants are microseconds since the epoch.
-- Twin of sqlite/0001_log_and_rows.sql.

CREATE TABLE log_head (
    one         integer PRIMARY KEY CHECK (one = 1),
    size        bigint  NOT NULL,
    recorded_at bigint  NOT NULL,
    frontier    bytea   NOT NULL,
    generation  integer NOT NULL
) WITH (fillfactor = 10);
INSERT INTO log_head (one, size, recorded_at, frontier, generation) VALUES (1, 0, 0, '\x0000000000000000', 1);

CREATE TABLE event (
    position             bigint  PRIMARY KEY CHECK (position >= 0),
    event_id             uuid    NOT NULL,
    stream               uuid    NOT NULL,
    version              bigint  NOT NULL,
    organisation         text    NOT NULL,
    organisation_counter bigint  NOT NULL,
    recorded_at          bigint  NOT NULL,
    name                 text    NOT NULL,
    schema_version       integer NOT NULL,
    leaf                 bytea   NOT NULL,
    leaf_hash            bytea   NOT NULL
);
CREATE UNIQUE INDEX event_stream ON event (stream, version);
CREATE INDEX event_organisation ON event (organisation, position);
CREATE INDEX event_recorded_at ON event (recorded_at);

-- part_id = position * 16 + ordinal, so parts lie in log order without another index.
CREATE TABLE part (
    part_id  bigint PRIMARY KEY,
    position bigint NOT NULL,
    name     text   NOT NULL,
    class    text   NOT NULL,
    subject  uuid,
    key_id   uuid,
    salt     bytea,
    bytes    bytea  NOT NULL
);

CREATE TABLE log_subtree (
    tile_level  integer NOT NULL,
    tree_index  bigint  NOT NULL,
    hash        bytea   NOT NULL,
    PRIMARY KEY (tile_level, tree_index)
);

CREATE TABLE idempotency (
    digest      bytea  PRIMARY KEY,
    fingerprint bytea  NOT NULL,
    position    bigint NOT NULL,
    stream      uuid   NOT NULL,
    version     bigint NOT NULL,
    recorded_at bigint NOT NULL
);

CREATE TABLE row_version (
    generation     integer NOT NULL,
    id             uuid    NOT NULL,
    from_position  bigint  NOT NULL,
    to_position    bigint  NOT NULL,
    version        bigint  NOT NULL,
    organisation   text    NOT NULL,
    kind           text    NOT NULL,
    person         uuid,
    outcome        uuid,
    status         text,
    perspective    text,
    occurred_from  bigint  NOT NULL,
    occurred_until bigint  NOT NULL,
    changed_at     bigint  NOT NULL,
    body           text    NOT NULL
) WITH (fillfactor = 90);
-- No index holds to_position, so that ending a row touches none of them.
CREATE UNIQUE INDEX row_version_id ON row_version (id, generation, from_position);
CREATE INDEX row_version_list ON row_version (generation, organisation, kind, from_position);
CREATE INDEX row_version_person ON row_version (person, generation, from_position) WHERE person IS NOT NULL;
CREATE INDEX row_version_outcome ON row_version (outcome, generation, from_position) WHERE outcome IS NOT NULL;

CREATE TABLE row_key (
    organisation  text    NOT NULL,
    kind          text    NOT NULL,
    value         text    NOT NULL,
    generation    integer NOT NULL,
    from_position bigint  NOT NULL,
    id            uuid    NOT NULL,
    PRIMARY KEY (organisation, kind, value, generation, from_position, id)
);

CREATE TABLE client (
    id   text PRIMARY KEY,
    body text NOT NULL
);

CREATE TABLE used_assertion (
    client     text   NOT NULL,
    jti_digest bytea  NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (client, jti_digest)
);
CREATE INDEX used_assertion_expires_at ON used_assertion (expires_at);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION refuse_other_changes_of_a_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.part_id <> OLD.part_id OR NEW.position <> OLD.position OR NEW.name <> OLD.name OR NEW.class <> OLD.class
        OR NEW.subject IS DISTINCT FROM OLD.subject OR NEW.salt IS DISTINCT FROM OLD.salt
        OR OLD.key_id IS NULL OR NEW.key_id IS NULL THEN
        RAISE EXCEPTION 'a part is never changed; only a sealed one may be sealed again under another key'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION refuse_a_head_that_is_none() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size < OLD.size OR NEW.recorded_at < OLD.recorded_at THEN
        RAISE EXCEPTION 'the log never shrinks and its time never goes back' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.size = OLD.size AND (NEW.recorded_at <> OLD.recorded_at OR NEW.frontier <> OLD.frontier) THEN
        RAISE EXCEPTION 'the head changes with the log alone' USING ERRCODE = 'restrict_violation';
    END IF;
    -- Events are written before the head is moved behind them.
    IF NEW.size > OLD.size AND (NOT EXISTS (SELECT 1 FROM event WHERE position = NEW.size - 1)
        OR EXISTS (SELECT 1 FROM event WHERE position = NEW.size)) THEN
        RAISE EXCEPTION 'the head is behind the last event and nowhere else' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

-- Once a statement: a batch must begin where the log ended and have no hole.
CREATE FUNCTION refuse_a_gap() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first bigint;
    last bigint;
    many bigint;
BEGIN
    SELECT min(position), max(position), count(*) INTO first, last, many FROM inserted;
    IF many > 0 AND (last - first + 1 <> many OR (first > 0 AND NOT EXISTS (SELECT 1 FROM event WHERE position = first - 1))) THEN
        RAISE EXCEPTION 'the log has no gaps: the position does not follow' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_has_no_gaps AFTER INSERT ON event REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION refuse_a_gap();
CREATE TRIGGER log_subtree_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_subtree FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER part_is_never_changed BEFORE UPDATE ON part FOR EACH ROW EXECUTE FUNCTION refuse_other_changes_of_a_part();
CREATE TRIGGER part_is_never_emptied BEFORE TRUNCATE ON part FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_head_never_shrinks BEFORE UPDATE ON log_head FOR EACH ROW EXECUTE FUNCTION refuse_a_head_that_is_none();
CREATE TRIGGER log_head_is_never_removed BEFORE DELETE OR TRUNCATE ON log_head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
