-- Which master key wraps now. From the moment that a rotation moves `current` on, nothing is wrapped under an older epoch any
-- more: the database refuses it, so that a process that still holds the old master key cannot make a key that would die with
-- it. `probe` is a digest under the current epoch's wrapping key: two hosts that made different master keys of the same
-- epoch are told apart before either wraps anything. Twin of keys-sqlite/0002_epochs.sql.

CREATE TABLE key_epoch (
    one              integer NOT NULL PRIMARY KEY CHECK (one = 1),
    current          bigint  NOT NULL CHECK (current BETWEEN 0 AND 4294967295),
    probe            bytea            CHECK (octet_length(probe) = 32),
    began_at_micros  bigint
);
INSERT INTO key_epoch (one, current, probe, began_at_micros)
SELECT 1, COALESCE(MAX(epoch), 0), NULL, NULL
FROM (SELECT epoch FROM person_key UNION ALL SELECT epoch FROM deployment_key) AS wrapped;

CREATE FUNCTION refuse_an_epoch_that_goes_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.current < OLD.current OR NEW.probe IS NULL
        OR (NEW.current = OLD.current AND OLD.probe IS NOT NULL AND NEW.probe <> OLD.probe) THEN
        RAISE EXCEPTION 'the epoch of the master key never goes back and keeps its key' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION refuse_change_of_epochs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the epoch of the master key is never removed' USING ERRCODE = 'restrict_violation';
END $$;
-- A rotation takes the table's lock before it moves the epoch on, so whoever inserts was either counted or sees it here: each
-- statement of a volatile function looks anew. The SQLSTATE is the one that the program looks for.
CREATE FUNCTION refuse_a_passed_epoch() RETURNS trigger LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NEW.epoch < (SELECT current FROM key_epoch) THEN
        RAISE EXCEPTION 'this epoch of the master key has passed' USING ERRCODE = 'CKE01';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER key_epoch_never_goes_back BEFORE UPDATE ON key_epoch FOR EACH ROW EXECUTE FUNCTION refuse_an_epoch_that_goes_back();
CREATE TRIGGER key_epoch_is_never_removed BEFORE DELETE OR TRUNCATE ON key_epoch FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_epochs();
CREATE TRIGGER person_key_is_of_the_current_epoch BEFORE INSERT OR UPDATE OF epoch, wrapped ON person_key
    FOR EACH ROW EXECUTE FUNCTION refuse_a_passed_epoch();
CREATE TRIGGER deployment_key_is_of_the_current_epoch BEFORE INSERT OR UPDATE OF epoch, wrapped ON deployment_key
    FOR EACH ROW EXECUTE FUNCTION refuse_a_passed_epoch();
