-- Checkpoints that were signed, so that whoever comes later can be shown what was said before. A log has one tree of each
-- size, so there is one checkpoint of each size under a name, and it is never changed.

CREATE TABLE checkpoint (
    origin    text   NOT NULL,
    size      bigint NOT NULL CHECK (size >= 0),
    signed_at bigint NOT NULL,
    note      text   NOT NULL,
    PRIMARY KEY (origin, size)
);

CREATE TRIGGER checkpoint_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
