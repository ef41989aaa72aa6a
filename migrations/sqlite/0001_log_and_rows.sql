-- The log, its parts, its tree and the rows that it projects to. Instants are microseconds since the epoch.

CREATE TABLE log_head (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    size        INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    frontier    BLOB    NOT NULL,
    generation  INTEGER NOT NULL
);
INSERT INTO log_head (one, size, recorded_at, frontier, generation) VALUES (1, 0, 0, X'0000000000000000', 1);

CREATE TABLE event (
    position             INTEGER PRIMARY KEY CHECK (position >= 0),
    event_id             BLOB    NOT NULL,
    stream               BLOB    NOT NULL,
    version              INTEGER NOT NULL,
    organisation         TEXT    NOT NULL,
    organisation_counter INTEGER NOT NULL,
    recorded_at          INTEGER NOT NULL,
    name                 TEXT    NOT NULL,
    schema_version       INTEGER NOT NULL,
    leaf                 BLOB    NOT NULL,
    leaf_hash            BLOB    NOT NULL
);
CREATE UNIQUE INDEX event_stream ON event (stream, version);
CREATE INDEX event_organisation ON event (organisation, position);
CREATE INDEX event_recorded_at ON event (recorded_at);

-- part_id = position * 16 + ordinal, so parts lie in log order without another index.
CREATE TABLE part (
    part_id  INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    class    TEXT    NOT NULL,
    subject  BLOB,
    key_id   BLOB,
    salt     BLOB,
    bytes    BLOB    NOT NULL
);

CREATE TABLE log_subtree (
    tile_level  INTEGER NOT NULL,
    tree_index  INTEGER NOT NULL,
    hash        BLOB    NOT NULL,
    PRIMARY KEY (tile_level, tree_index)
) WITHOUT ROWID;

CREATE TABLE idempotency (
    digest      BLOB    PRIMARY KEY,
    fingerprint BLOB    NOT NULL,
    position    INTEGER NOT NULL,
    stream      BLOB    NOT NULL,
    version     INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE row_version (
    generation     INTEGER NOT NULL,
    id             BLOB    NOT NULL,
    from_position  INTEGER NOT NULL,
    to_position    INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    organisation   TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    person         BLOB,
    outcome        BLOB,
    status         TEXT,
    perspective    TEXT,
    occurred_from  INTEGER NOT NULL,
    occurred_until INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL,
    body           TEXT    NOT NULL
);
CREATE UNIQUE INDEX row_version_id ON row_version (id, generation, from_position);
CREATE INDEX row_version_list ON row_version (generation, organisation, kind, from_position);
CREATE INDEX row_version_person ON row_version (person, generation, from_position) WHERE person IS NOT NULL;
CREATE INDEX row_version_outcome ON row_version (outcome, generation, from_position) WHERE outcome IS NOT NULL;

CREATE TABLE row_key (
    organisation  TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    value         TEXT    NOT NULL,
    generation    INTEGER NOT NULL,
    from_position INTEGER NOT NULL,
    id            BLOB    NOT NULL,
    PRIMARY KEY (organisation, kind, value, generation, from_position, id)
) WITHOUT ROWID;

CREATE TABLE client (
    id         TEXT PRIMARY KEY,
    body       TEXT NOT NULL
);

CREATE TABLE used_assertion (
    client     TEXT    NOT NULL,
    jti_digest BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (client, jti_digest)
) WITHOUT ROWID;
CREATE INDEX used_assertion_expires_at ON used_assertion (expires_at);

CREATE TRIGGER event_is_append_only_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event is never changed'); END;
CREATE TRIGGER event_is_append_only_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event is never removed'); END;
CREATE TRIGGER event_has_no_gaps BEFORE INSERT ON event
WHEN NEW.position <> (SELECT COALESCE(MAX(position) + 1, 0) FROM event)
BEGIN SELECT RAISE(ABORT, 'the log has no gaps: the position does not follow'); END;
CREATE TRIGGER part_is_never_changed BEFORE UPDATE ON part
WHEN NEW.part_id <> OLD.part_id OR NEW.position <> OLD.position OR NEW.name <> OLD.name OR NEW.class <> OLD.class
    OR NEW.subject IS NOT OLD.subject OR NEW.salt IS NOT OLD.salt OR OLD.key_id IS NULL OR NEW.key_id IS NULL
BEGIN SELECT RAISE(ABORT, 'a part is never changed; only a sealed one may be sealed again under another key'); END;
CREATE TRIGGER log_subtree_is_append_only_update BEFORE UPDATE ON log_subtree
BEGIN SELECT RAISE(ABORT, 'the tree is append-only'); END;
CREATE TRIGGER log_subtree_is_append_only_delete BEFORE DELETE ON log_subtree
BEGIN SELECT RAISE(ABORT, 'the tree is append-only'); END;
CREATE TRIGGER log_head_never_shrinks BEFORE UPDATE ON log_head
WHEN NEW.size < OLD.size OR NEW.recorded_at < OLD.recorded_at
BEGIN SELECT RAISE(ABORT, 'the log never shrinks and its time never goes back'); END;
CREATE TRIGGER log_head_changes_with_the_log BEFORE UPDATE ON log_head
WHEN NEW.size = OLD.size AND (NEW.recorded_at <> OLD.recorded_at OR NEW.frontier <> OLD.frontier)
BEGIN SELECT RAISE(ABORT, 'the head changes with the log alone'); END;
-- Events are written before the head is moved behind them.
CREATE TRIGGER log_head_is_behind_the_last_event BEFORE UPDATE ON log_head
WHEN NEW.size > OLD.size AND (NOT EXISTS (SELECT 1 FROM event WHERE position = NEW.size - 1)
    OR EXISTS (SELECT 1 FROM event WHERE position = NEW.size))
BEGIN SELECT RAISE(ABORT, 'the head is behind the last event and nowhere else'); END;
CREATE TRIGGER log_head_is_never_removed BEFORE DELETE ON log_head
BEGIN SELECT RAISE(ABORT, 'the head of the log is never removed'); END;
-- INSERT OR REPLACE removes the row that is in its way without firing a delete trigger.
CREATE TRIGGER event_is_never_replaced BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM event WHERE stream = NEW.stream AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event is never replaced'); END;
CREATE TRIGGER part_is_never_replaced BEFORE INSERT ON part
WHEN EXISTS (SELECT 1 FROM part WHERE part_id = NEW.part_id)
BEGIN SELECT RAISE(ABORT, 'a part is never replaced'); END;
CREATE TRIGGER log_subtree_is_never_replaced BEFORE INSERT ON log_subtree
WHEN EXISTS (SELECT 1 FROM log_subtree WHERE tile_level = NEW.tile_level AND tree_index = NEW.tree_index)
BEGIN SELECT RAISE(ABORT, 'the tree is append-only'); END;
CREATE TRIGGER log_head_is_never_replaced BEFORE INSERT ON log_head
BEGIN SELECT RAISE(ABORT, 'the head of the log is never replaced'); END;
