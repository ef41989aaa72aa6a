-- Which master key wraps now. From the moment that a rotation moves `current` on, nothing is wrapped under an older epoch any
-- more: the database refuses it, so that a process that still holds the old master key cannot make a key that would die with
-- it. `probe` is a digest under the current epoch's wrapping key: two hosts that made different master keys of the same
-- epoch are told apart before either wraps anything. Twin of keys-postgres/0002_epochs.sql.

CREATE TABLE key_epoch (
    one              INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    current          INTEGER NOT NULL CHECK (current BETWEEN 0 AND 4294967295),
    probe            BLOB             CHECK (length(probe) = 32),
    began_at_micros  INTEGER
) STRICT;
INSERT INTO key_epoch (one, current, probe, began_at_micros)
SELECT 1, COALESCE(MAX(epoch), 0), NULL, NULL
FROM (SELECT epoch FROM person_key UNION ALL SELECT epoch FROM deployment_key);

CREATE TRIGGER key_epoch_never_goes_back BEFORE UPDATE ON key_epoch
WHEN NEW.current < OLD.current OR NEW.probe IS NULL OR (NEW.current = OLD.current AND OLD.probe IS NOT NULL AND NEW.probe <> OLD.probe)
BEGIN SELECT RAISE(ABORT, 'the epoch of the master key never goes back and keeps its key'); END;
CREATE TRIGGER key_epoch_is_never_removed BEFORE DELETE ON key_epoch
BEGIN SELECT RAISE(ABORT, 'the epoch of the master key is never removed'); END;
CREATE TRIGGER key_epoch_is_never_replaced BEFORE INSERT ON key_epoch
BEGIN SELECT RAISE(ABORT, 'the epoch of the master key is never replaced'); END;

CREATE TRIGGER person_key_is_of_the_current_epoch BEFORE INSERT ON person_key
WHEN NEW.epoch < (SELECT current FROM key_epoch)
BEGIN SELECT RAISE(ABORT, 'this epoch of the master key has passed'); END;
CREATE TRIGGER person_key_is_wrapped_anew_forwards BEFORE UPDATE OF epoch, wrapped ON person_key
WHEN NEW.epoch < (SELECT current FROM key_epoch)
BEGIN SELECT RAISE(ABORT, 'this epoch of the master key has passed'); END;
CREATE TRIGGER deployment_key_is_of_the_current_epoch BEFORE INSERT ON deployment_key
WHEN NEW.epoch < (SELECT current FROM key_epoch)
BEGIN SELECT RAISE(ABORT, 'this epoch of the master key has passed'); END;
CREATE TRIGGER deployment_key_is_wrapped_anew_forwards BEFORE UPDATE OF epoch, wrapped ON deployment_key
WHEN NEW.epoch < (SELECT current FROM key_epoch)
BEGIN SELECT RAISE(ABORT, 'this epoch of the master key has passed'); END;
