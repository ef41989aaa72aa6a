-- The second log: who was shown whose data. Of the same kind as the log of events, with a head, a tree and triggers of its own.
-- `organisation` is the controller of the data, whose gapless counter it is; who read stands in the facts.
-- Twin of sqlite/0003_accesses.sql.

CREATE TABLE access_head (
    one         integer PRIMARY KEY CHECK (one = 1),
    size        bigint  NOT NULL,
    recorded_at bigint  NOT NULL,
    frontier    bytea   NOT NULL
) WITH (fillfactor = 10);
INSERT INTO access_head (one, size, recorded_at, frontier) VALUES (1, 0, 0, '\x0000000000000000');

CREATE TABLE access (
    position             bigint  PRIMARY KEY CHECK (position >= 0),
    access_id            uuid    NOT NULL,
    stream               uuid    NOT NULL,
    version              bigint  NOT NULL,
    organisation         text    NOT NULL,
    organisation_counter bigint  NOT NULL,
    recorded_at          bigint  NOT NULL,
    schema_version       integer NOT NULL,
    salt                 bytea   NOT NULL,
    facts                text    NOT NULL,
    leaf                 bytea   NOT NULL,
    leaf_hash            bytea   NOT NULL
);
CREATE UNIQUE INDEX access_stream ON access (stream, version);
CREATE INDEX access_organisation ON access (organisation, position);
CREATE INDEX access_recorded_at ON access (recorded_at, position);

CREATE TABLE access_subtree (
    tile_level  integer NOT NULL,
    tree_index  bigint  NOT NULL,
    hash        bytea   NOT NULL,
    PRIMARY KEY (tile_level, tree_index)
);

CREATE FUNCTION refuse_an_access_head_that_is_none() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size < OLD.size OR NEW.recorded_at < OLD.recorded_at THEN
        RAISE EXCEPTION 'the log of accesses never shrinks and its time never goes back' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.size = OLD.size AND (NEW.recorded_at <> OLD.recorded_at OR NEW.frontier <> OLD.frontier) THEN
        RAISE EXCEPTION 'the head changes with the log of accesses alone' USING ERRCODE = 'restrict_violation';
    END IF;
    -- Accesses are written before the head is moved behind them.
    IF NEW.size > OLD.size AND (NOT EXISTS (SELECT 1 FROM access WHERE position = NEW.size - 1)
        OR EXISTS (SELECT 1 FROM access WHERE position = NEW.size)) THEN
        RAISE EXCEPTION 'the head is behind the last access and nowhere else' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

-- Once a statement: a batch must begin where the log ended and have no hole.
CREATE FUNCTION refuse_a_gap_of_accesses() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first bigint;
    last bigint;
    many bigint;
BEGIN
    SELECT min(position), max(position), count(*) INTO first, last, many FROM inserted;
    IF many > 0 AND (last - first + 1 <> many OR (first > 0 AND NOT EXISTS (SELECT 1 FROM access WHERE position = first - 1))) THEN
        RAISE EXCEPTION 'the log of accesses has no gaps: the position does not follow' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER access_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER access_has_no_gaps AFTER INSERT ON access REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION refuse_a_gap_of_accesses();
CREATE TRIGGER access_subtree_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access_subtree FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER access_head_never_shrinks BEFORE UPDATE ON access_head FOR EACH ROW EXECUTE FUNCTION refuse_an_access_head_that_is_none();
CREATE TRIGGER access_head_is_never_removed BEFORE DELETE OR TRUNCATE ON access_head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
