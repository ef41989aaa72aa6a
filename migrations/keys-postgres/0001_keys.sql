-- The key store: a database of its own, apart from the event log, with its own credentials and backup. Every key in
-- it is wrapped under a master key that is kept elsewhere. Twin of keys-sqlite/0001_keys.sql.

-- A living key of one person for one class of personal parts. The highest generation is the one to seal with.
CREATE TABLE person_key (
    key_id            uuid   NOT NULL PRIMARY KEY,
    subject           uuid   NOT NULL,
    class             text   NOT NULL CHECK (length(class) BETWEEN 1 AND 32),
    generation        bigint NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    epoch             bigint NOT NULL CHECK (epoch BETWEEN 0 AND 4294967295),
    wrapped           bytea  NOT NULL CHECK (octet_length(wrapped) = 60),
    created_at_micros bigint NOT NULL,
    UNIQUE (subject, class, generation)
);

-- What is left of a destroyed key: the proof that it was erased and not lost.
CREATE TABLE destroyed_key (
    key_id              uuid   NOT NULL PRIMARY KEY,
    subject             uuid   NOT NULL,
    class               text   NOT NULL CHECK (length(class) BETWEEN 1 AND 32),
    generation          bigint NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    destroyed_at_micros bigint NOT NULL,
    reason              text   NOT NULL CHECK (length(reason) BETWEEN 1 AND 64),
    UNIQUE (subject, class, generation)
);

-- Keys of the deployment, about nobody: the blind index and the fingerprint.
CREATE TABLE deployment_key (
    name    text   NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 32),
    epoch   bigint NOT NULL CHECK (epoch BETWEEN 0 AND 4294967295),
    wrapped bytea  NOT NULL CHECK (octet_length(wrapped) = 60)
);
