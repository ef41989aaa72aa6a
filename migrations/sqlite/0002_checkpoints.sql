-- Checkpoints that were signed, so that whoever comes later can be shown what was said before. A log has one tree of each
-- size, so there is one checkpoint of each size under a name, and it is never changed.

CREATE TABLE checkpoint (
    origin    TEXT    NOT NULL,
    size      INTEGER NOT NULL CHECK (size >= 0),
    signed_at INTEGER NOT NULL,
    note      TEXT    NOT NULL,
    PRIMARY KEY (origin, size)
) WITHOUT ROWID;

CREATE TRIGGER checkpoint_is_append_only_update BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'a checkpoint is never changed'); END;
CREATE TRIGGER checkpoint_is_append_only_delete BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'a checkpoint is never removed'); END;
CREATE TRIGGER checkpoint_is_never_replaced BEFORE INSERT ON checkpoint
WHEN EXISTS (SELECT 1 FROM checkpoint WHERE origin = NEW.origin AND size = NEW.size)
BEGIN SELECT RAISE(ABORT, 'a checkpoint is never replaced'); END;
