-- Witnesses' cosignatures under checkpoints that were signed: of each checkpoint one line of each witness, the first one, kept
-- for ever. `key` is the witness's verifier key, `cosigned_at` what the witness says, in seconds since the Unix epoch.

CREATE TABLE cosignature (
    origin      TEXT    NOT NULL,
    size        INTEGER NOT NULL CHECK (size >= 0),
    key         TEXT    NOT NULL,
    cosigned_at INTEGER NOT NULL CHECK (cosigned_at >= 0),
    line        TEXT    NOT NULL,
    PRIMARY KEY (origin, size, key)
) WITHOUT ROWID;

CREATE INDEX cosignature_witness ON cosignature (origin, key, size);

CREATE TRIGGER cosignature_is_append_only_update BEFORE UPDATE ON cosignature
BEGIN SELECT RAISE(ABORT, 'a cosignature is never changed'); END;
CREATE TRIGGER cosignature_is_append_only_delete BEFORE DELETE ON cosignature
BEGIN SELECT RAISE(ABORT, 'a cosignature is never removed'); END;
CREATE TRIGGER cosignature_is_never_replaced BEFORE INSERT ON cosignature
WHEN EXISTS (SELECT 1 FROM cosignature WHERE origin = NEW.origin AND size = NEW.size AND key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'a cosignature is never replaced'); END;

-- What a log states about itself (another key, another origin), in the order in which it was stated.

CREATE TABLE statement (
    number    INTEGER PRIMARY KEY CHECK (number >= 0),
    stated_at INTEGER NOT NULL,
    note      TEXT    NOT NULL
);

CREATE TRIGGER statement_is_append_only_update BEFORE UPDATE ON statement
BEGIN SELECT RAISE(ABORT, 'a statement is never changed'); END;
CREATE TRIGGER statement_is_append_only_delete BEFORE DELETE ON statement
BEGIN SELECT RAISE(ABORT, 'a statement is never removed'); END;
CREATE TRIGGER statement_is_never_replaced BEFORE INSERT ON statement
WHEN EXISTS (SELECT 1 FROM statement WHERE number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'a statement is never replaced'); END;
