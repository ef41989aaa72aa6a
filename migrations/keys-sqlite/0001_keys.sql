-- The key store: a file of its own, apart from the event log, with its own backup. Every key in it is wrapped
-- under a master key that is kept elsewhere. Twin of keys-postgres/0001_keys.sql.

-- A living key of one person for one class of personal parts. The highest generation is the one to seal with.
CREATE TABLE person_key (
    key_id            BLOB    NOT NULL PRIMARY KEY CHECK (length(key_id) = 16),
    subject           BLOB    NOT NULL CHECK (length(subject) = 16),
    class             TEXT    NOT NULL CHECK (length(class) BETWEEN 1 AND 32),
    generation        INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    epoch             INTEGER NOT NULL CHECK (epoch BETWEEN 0 AND 4294967295),
    wrapped           BLOB    NOT NULL CHECK (length(wrapped) = 60),
    created_at_micros INTEGER NOT NULL,
    UNIQUE (subject, class, generation)
) STRICT;

-- What is left of a destroyed key: the proof that it was erased and not lost.
CREATE TABLE destroyed_key (
    key_id              BLOB    NOT NULL PRIMARY KEY CHECK (length(key_id) = 16),
    subject             BLOB    NOT NULL CHECK (length(subject) = 16),
    class               TEXT    NOT NULL CHECK (length(class) BETWEEN 1 AND 32),
    generation          INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    destroyed_at_micros INTEGER NOT NULL,
    reason              TEXT    NOT NULL CHECK (length(reason) BETWEEN 1 AND 64),
    UNIQUE (subject, class, generation)
) STRICT;

-- Keys of the deployment, about nobody: the blind index and the fingerprint.
CREATE TABLE deployment_key (
    name    TEXT    NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 32),
    epoch   INTEGER NOT NULL CHECK (epoch BETWEEN 0 AND 4294967295),
    wrapped BLOB    NOT NULL CHECK (length(wrapped) = 60)
) STRICT;
