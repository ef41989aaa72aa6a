-- What erasures cover, and which keys they committed to destroy. Parts are the only thing that is ever removed, and only
-- where an erasure in the log covers them. Twin of sqlite/0004_lawful_change.sql.

-- One row for each stream and class; written in the transaction of the erasure's own event, and never after it.
CREATE TABLE erasure_cover (
    position        bigint NOT NULL,
    stream          uuid   NOT NULL,
    class           text   NOT NULL,
    through_version bigint NOT NULL,
    PRIMARY KEY (position, stream, class)
);
CREATE INDEX erasure_cover_stream ON erasure_cover (stream, class, through_version);

-- Keys live in another store, so they are destroyed after the erasure is durable; what a crash leaves undone is found here.
-- `below`: only generations below this one, once what they sealed and was not erased has been sealed anew.
CREATE TABLE key_destruction (
    position bigint NOT NULL,
    class    text   NOT NULL,
    subject  uuid   NOT NULL,
    below    bigint,
    done_at  bigint,
    PRIMARY KEY (position, class)
);
CREATE INDEX key_destruction_pending ON key_destruction (position) WHERE done_at IS NULL;

-- `xmin` of a row is the transaction that wrote it.
CREATE FUNCTION refuse_a_cover_without_its_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM event AS e
        JOIN event AS covered ON covered.stream = NEW.stream AND covered.version = NEW.through_version
            AND covered.organisation = e.organisation AND covered.position < e.position
        WHERE e.position = NEW.position AND e.name = 'ErasureExecuted' AND e.xmin = pg_current_xact_id()::xid) THEN
        RAISE EXCEPTION 'only an erasure that is being recorded covers anything, of its own organisation'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION refuse_a_removal_that_nothing_covers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM event AS e JOIN erasure_cover AS c
        ON c.stream = e.stream AND c.class = OLD.class AND c.through_version >= e.version WHERE e.position = OLD.position) THEN
        RAISE EXCEPTION 'a part is removed only where an erasure covers it' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;

CREATE FUNCTION refuse_a_destruction_without_its_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.done_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM event AS e
        WHERE e.position = NEW.position AND e.name = 'ErasureExecuted' AND e.xmin = pg_current_xact_id()::xid) THEN
        RAISE EXCEPTION 'only an erasure that is being recorded destroys keys' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION refuse_other_changes_of_a_destruction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.done_at IS NOT NULL OR NEW.done_at IS NULL OR NEW.position <> OLD.position OR NEW.class <> OLD.class
        OR NEW.subject <> OLD.subject OR NEW.below IS DISTINCT FROM OLD.below THEN
        RAISE EXCEPTION 'the destruction of keys is only ever done, once' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER erasure_cover_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasure_cover
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erasure_cover_comes_with_its_erasure BEFORE INSERT ON erasure_cover
    FOR EACH ROW EXECUTE FUNCTION refuse_a_cover_without_its_erasure();
CREATE TRIGGER part_is_removed_by_erasures_alone BEFORE DELETE ON part
    FOR EACH ROW EXECUTE FUNCTION refuse_a_removal_that_nothing_covers();
CREATE TRIGGER key_destruction_comes_with_its_erasure BEFORE INSERT ON key_destruction
    FOR EACH ROW EXECUTE FUNCTION refuse_a_destruction_without_its_erasure();
CREATE TRIGGER key_destruction_is_done_once BEFORE UPDATE ON key_destruction
    FOR EACH ROW EXECUTE FUNCTION refuse_other_changes_of_a_destruction();
CREATE TRIGGER key_destruction_is_never_removed BEFORE DELETE OR TRUNCATE ON key_destruction
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
