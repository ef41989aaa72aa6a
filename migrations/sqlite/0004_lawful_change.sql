-- What erasures cover, and which keys they committed to destroy. Parts are the only thing that is ever removed, and only
-- where an erasure in the log covers them.

-- One row for each stream and class; written in the transaction of the erasure's own event, and never after it.
CREATE TABLE erasure_cover (
    position        INTEGER NOT NULL,
    stream          BLOB    NOT NULL,
    class           TEXT    NOT NULL,
    through_version INTEGER NOT NULL,
    PRIMARY KEY (position, stream, class)
) WITHOUT ROWID;
CREATE INDEX erasure_cover_stream ON erasure_cover (stream, class, through_version);

-- Keys live in another store, so they are destroyed after the erasure is durable; what a crash leaves undone is found here.
-- `below`: only generations below this one, once what they sealed and was not erased has been sealed anew.
CREATE TABLE key_destruction (
    position INTEGER NOT NULL,
    class    TEXT    NOT NULL,
    subject  BLOB    NOT NULL,
    below    INTEGER,
    done_at  INTEGER,
    PRIMARY KEY (position, class)
) WITHOUT ROWID;
CREATE INDEX key_destruction_pending ON key_destruction (position) WHERE done_at IS NULL;

CREATE TRIGGER erasure_cover_is_append_only_update BEFORE UPDATE ON erasure_cover
BEGIN SELECT RAISE(ABORT, 'what an erasure covers is never changed'); END;
CREATE TRIGGER erasure_cover_is_append_only_delete BEFORE DELETE ON erasure_cover
BEGIN SELECT RAISE(ABORT, 'what an erasure covers is never removed'); END;
CREATE TRIGGER erasure_cover_is_never_replaced BEFORE INSERT ON erasure_cover
WHEN EXISTS (SELECT 1 FROM erasure_cover WHERE position = NEW.position AND stream = NEW.stream AND class = NEW.class)
BEGIN SELECT RAISE(ABORT, 'what an erasure covers is never replaced'); END;
-- The head is moved last, so behind it there are only events of the present transaction.
CREATE TRIGGER erasure_cover_comes_with_its_erasure BEFORE INSERT ON erasure_cover
WHEN NEW.position < (SELECT size FROM log_head WHERE one = 1) OR NOT EXISTS (SELECT 1 FROM event AS e
    JOIN event AS covered ON covered.stream = NEW.stream AND covered.version = NEW.through_version
        AND covered.organisation = e.organisation AND covered.position < e.position
    WHERE e.position = NEW.position AND e.name = 'ErasureExecuted')
BEGIN SELECT RAISE(ABORT, 'only an erasure that is being recorded covers anything, of its own organisation'); END;

CREATE TRIGGER part_is_removed_by_erasures_alone BEFORE DELETE ON part
WHEN NOT EXISTS (SELECT 1 FROM event AS e JOIN erasure_cover AS c
    ON c.stream = e.stream AND c.class = OLD.class AND c.through_version >= e.version WHERE e.position = OLD.position)
BEGIN SELECT RAISE(ABORT, 'a part is removed only where an erasure covers it'); END;

CREATE TRIGGER key_destruction_comes_with_its_erasure BEFORE INSERT ON key_destruction
WHEN NEW.done_at IS NOT NULL OR NEW.position < (SELECT size FROM log_head WHERE one = 1)
    OR NOT EXISTS (SELECT 1 FROM event WHERE position = NEW.position AND name = 'ErasureExecuted')
BEGIN SELECT RAISE(ABORT, 'only an erasure that is being recorded destroys keys'); END;
CREATE TRIGGER key_destruction_is_never_replaced BEFORE INSERT ON key_destruction
WHEN EXISTS (SELECT 1 FROM key_destruction WHERE position = NEW.position AND class = NEW.class)
BEGIN SELECT RAISE(ABORT, 'the destruction of keys is never replaced'); END;
CREATE TRIGGER key_destruction_is_done_once BEFORE UPDATE ON key_destruction
WHEN OLD.done_at IS NOT NULL OR NEW.done_at IS NULL OR NEW.position <> OLD.position OR NEW.class <> OLD.class
    OR NEW.subject <> OLD.subject OR NEW.below IS NOT OLD.below
BEGIN SELECT RAISE(ABORT, 'the destruction of keys is only ever done, once'); END;
CREATE TRIGGER key_destruction_is_never_removed BEFORE DELETE ON key_destruction
BEGIN SELECT RAISE(ABORT, 'the destruction of keys is never removed'); END;
