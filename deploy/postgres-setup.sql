-- The roles and databases of cairn on PostgreSQL 15 or later. Run once, as a superuser of another name, with psql; again changes
-- nothing:
--
--     psql -v ON_ERROR_STOP=1 -f deploy/postgres-setup.sql postgres
--
-- Then give the three roles passwords (`\password cairn_owner` and so on, in psql) or another way to log in, and
--
--     CAIRN_DATABASE_URL=postgres://cairn_owner@HOST/cairn CAIRN_SERVICE_ROLE=cairn_service cairn migrate
--     CAIRN_DATABASE_URL=postgres://cairn_service@HOST/cairn CAIRN_KEYS_URL=postgres://cairn_keys@HOST/cairn_keys cairn serve
--
-- Three roles, because none may do what only another needs:
--   cairn_owner    owns the tables of events and rows; used by `cairn migrate` alone
--   cairn_service  owns nothing, so it can neither change the append-only rules nor step around row-level security
--   cairn_keys     owns the key store, and cannot even connect to the events; the other two cannot connect to the keys
-- The keys are better on another server, with a backup of its own: a backup that holds both brings erased words back.

\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['cairn_owner', 'cairn_service', 'cairn_keys']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE cairn_owner   LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE cairn_service LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE cairn_keys    LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- An acknowledged recording, and a destroyed key, must survive a power cut.
ALTER ROLE cairn_service SET synchronous_commit = on;
ALTER ROLE cairn_keys    SET synchronous_commit = on;
-- The writer holds the head of the log while it appends: a process that hangs there must not hold up the others for ever.
ALTER ROLE cairn_service SET idle_in_transaction_session_timeout = '60s';

-- Collation C: texts sort by their bytes, the same on every machine and after every update of the system's locales.
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C''', name, owner)
FROM (VALUES ('cairn', 'cairn_owner'), ('cairn_keys', 'cairn_keys')) AS wanted (name, owner)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name)
\gexec

REVOKE ALL ON DATABASE cairn, cairn_keys FROM PUBLIC;
GRANT CONNECT ON DATABASE cairn TO cairn_service;

\connect cairn
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO cairn_service;

\connect cairn_keys
REVOKE ALL ON SCHEMA public FROM PUBLIC;
