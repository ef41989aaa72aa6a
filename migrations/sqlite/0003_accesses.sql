-- The second log: who was shown whose data. Of the same kind as the log of events, with a head, a tree and triggers of its own.
-- `organisation` is the controller of the data, whose gapless counter it is; who read stands in the facts.

CREATE TABLE access_head (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    size        INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    frontier    BLOB    NOT NULL
);
INSERT INTO access_head (one, size, recorded_at, frontier) VALUES (1, 0, 0, X'0000000000000000');

CREATE TABLE access (
    position             INTEGER PRIMARY KEY CHECK (position >= 0),
    access_id            BLOB    NOT NULL,
    stream               BLOB    NOT NULL,
    version              INTEGER NOT NULL,
    organisation         TEXT    NOT NULL,
    organisation_counter INTEGER NOT NULL,
    recorded_at          INTEGER NOT NULL,
    schema_version       INTEGER NOT NULL,
    salt                 BLOB    NOT NULL,
    facts                TEXT    NOT NULL,
    leaf                 BLOB    NOT NULL,
    leaf_hash            BLOB    NOT NULL
);
CREATE UNIQUE INDEX access_stream ON access (stream, version);
CREATE INDEX access_organisation ON access (organisation, position);
CREATE INDEX access_recorded_at ON access (recorded_at, position);

CREATE TABLE access_subtree (
    tile_level  INTEGER NOT NULL,
    tree_index  INTEGER NOT NULL,
    hash        BLOB    NOT NULL,
    PRIMARY KEY (tile_level, tree_index)
) WITHOUT ROWID;

CREATE TRIGGER access_is_append_only_update BEFORE UPDATE ON access
BEGIN SELECT RAISE(ABORT, 'the log of accesses is append-only: an access is never changed'); END;
CREATE TRIGGER access_is_append_only_delete BEFORE DELETE ON access
BEGIN SELECT RAISE(ABORT, 'the log of accesses is append-only: an access is never removed'); END;
CREATE TRIGGER access_has_no_gaps BEFORE INSERT ON access
WHEN NEW.position <> (SELECT COALESCE(MAX(position) + 1, 0) FROM access)
BEGIN SELECT RAISE(ABORT, 'the log of accesses has no gaps: the position does not follow'); END;
-- INSERT OR REPLACE removes the row that is in its way without firing a delete trigger.
CREATE TRIGGER access_is_never_replaced BEFORE INSERT ON access
WHEN EXISTS (SELECT 1 FROM access WHERE stream = NEW.stream AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'the log of accesses is append-only: an access is never replaced'); END;
CREATE TRIGGER access_subtree_is_append_only_update BEFORE UPDATE ON access_subtree
BEGIN SELECT RAISE(ABORT, 'the tree of accesses is append-only'); END;
CREATE TRIGGER access_subtree_is_append_only_delete BEFORE DELETE ON access_subtree
BEGIN SELECT RAISE(ABORT, 'the tree of accesses is append-only'); END;
CREATE TRIGGER access_subtree_is_never_replaced BEFORE INSERT ON access_subtree
WHEN EXISTS (SELECT 1 FROM access_subtree WHERE tile_level = NEW.tile_level AND tree_index = NEW.tree_index)
BEGIN SELECT RAISE(ABORT, 'the tree of accesses is append-only'); END;
CREATE TRIGGER access_head_never_shrinks BEFORE UPDATE ON access_head
WHEN NEW.size < OLD.size OR NEW.recorded_at < OLD.recorded_at
BEGIN SELECT RAISE(ABORT, 'the log of accesses never shrinks and its time never goes back'); END;
CREATE TRIGGER access_head_changes_with_the_log BEFORE UPDATE ON access_head
WHEN NEW.size = OLD.size AND (NEW.recorded_at <> OLD.recorded_at OR NEW.frontier <> OLD.frontier)
BEGIN SELECT RAISE(ABORT, 'the head changes with the log of accesses alone'); END;
-- Accesses are written before the head is moved behind them.
CREATE TRIGGER access_head_is_behind_the_last_access BEFORE UPDATE ON access_head
WHEN NEW.size > OLD.size AND (NOT EXISTS (SELECT 1 FROM access WHERE position = NEW.size - 1)
    OR EXISTS (SELECT 1 FROM access WHERE position = NEW.size))
BEGIN SELECT RAISE(ABORT, 'the head is behind the last access and nowhere else'); END;
CREATE TRIGGER access_head_is_never_removed BEFORE DELETE ON access_head
BEGIN SELECT RAISE(ABORT, 'the head of the log of accesses is never removed'); END;
CREATE TRIGGER access_head_is_never_replaced BEFORE INSERT ON access_head
BEGIN SELECT RAISE(ABORT, 'the head of the log of accesses is never replaced'); END;
