-- Witnesses' cosignatures under checkpoints that were signed: of each checkpoint one line of each witness, the first one, kept
-- for ever. `key` is the witness's verifier key, `cosigned_at` what the witness says, in seconds since the Unix epoch.

CREATE TABLE cosignature (
    origin      text   NOT NULL,
    size        bigint NOT NULL CHECK (size >= 0),
    key         text   NOT NULL,
    cosigned_at bigint NOT NULL CHECK (cosigned_at >= 0),
    line        text   NOT NULL,
    PRIMARY KEY (origin, size, key)
);

CREATE INDEX cosignature_witness ON cosignature (origin, key, size);

CREATE TRIGGER cosignature_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a log states about itself (another key, another origin), in the order in which it was stated.

CREATE TABLE statement (
    number    bigint PRIMARY KEY CHECK (number >= 0),
    stated_at bigint NOT NULL,
    note      text   NOT NULL
);

CREATE TRIGGER statement_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
