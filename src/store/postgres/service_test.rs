//! What only PostgreSQL can promise: that the service's role can do its work and nothing else, that no process holds up
//! the others for ever, and that a lost connection costs one operation at most.

use super::{PgStore, migrate};
use crate::domain::erasure::ErasureExecuted;
use crate::domain::event::{Class, Facts, Header, PartRef};
use crate::domain::ids::{EventId, StreamId};
use crate::domain::person::{PersonAmended, PersonRegistered};
use crate::domain::time::Timestamp;
use crate::domain::words::ErasureBasis;
use crate::ledger::{PartName, Salt, commit};
use crate::projections::{KeyKind, RowKey};
use crate::store::lawful::LawfulStore as _;
use crate::store::{
    Appended, Client, ClientKeys, EventQuery, Expected, Group, IdempotencyKey, NewAppend, NewEvent, NewPart, OPEN_END,
    Reach, RowPath, RowQuery, Store, StoreError,
};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::time::Duration;
use uuid::Uuid;

/// A fresh database with a role that serves it.
struct Ground {
    admin: String,
    name: String,
    /// As the owner, who is a superuser here.
    owner: String,
    /// As the role that serves.
    service: String,
}

impl Ground {
    /// `None` only where PostgreSQL was ruled out by name.
    async fn new() -> Option<Self> {
        if std::env::var("CAIRN_TEST_STORES").as_deref() == Ok("sqlite") {
            println!("not run: CAIRN_TEST_STORES is sqlite");
            return None;
        }
        let admin = std::env::var("CAIRN_TEST_POSTGRES_URL").expect("CAIRN_TEST_POSTGRES_URL names a PostgreSQL");
        let name = format!("cairn_service_test_{}", Uuid::new_v4().simple());
        run(&admin, &format!("CREATE DATABASE {name}")).await.unwrap();
        run(&admin, &format!("CREATE ROLE {name} LOGIN PASSWORD 'service'")).await.unwrap();
        let options: PgConnectOptions = admin.parse().unwrap();
        let options = options.database(&name);
        let owner = options.to_url_lossy().to_string();
        let service = options.username(&name).password("service").to_url_lossy().to_string();
        migrate(&owner, Some(&name)).await.unwrap();
        Some(Self { admin, name, owner, service })
    }

    async fn remove(self) {
        run(&self.admin, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await.unwrap();
        run(&self.admin, &format!("DROP ROLE {}", self.name)).await.unwrap();
    }
}

async fn run(url: &str, sql: &str) -> Result<u64, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
    connection.close().await?;
    Ok(done.rows_affected())
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000 + micros)
}

fn event(stream: StreamId, expected: Expected, facts: Facts) -> NewAppend {
    let id = EventId(Uuid::new_v4());
    let header = Header {
        occurred_at: "2026-03".parse().unwrap(),
        client: "test".to_owned(),
        purpose: None,
        source_system: None,
    };
    let part = |name: PartName, class, key, bytes: Vec<u8>| NewPart {
        commitment: commit(&Salt::new([7; 32]), &id, &name, &bytes),
        name,
        class,
        subject: Some(stream.into()),
        key,
        salt: key.is_none().then_some([7; 32]),
        bytes,
    };
    let clear = facts.to_part(&header).unwrap();
    let parts = vec![
        part(PartName::FACTS, Class::Facts, None, clear),
        part(PartName::IDENTITY, Class::Identity, Some(Uuid::new_v4()), vec![1, 2, 3]),
    ];
    let event = NewEvent { id, header, facts, index: Vec::new(), parts };
    let organisation = "R1A".parse().unwrap();
    let key = Some(IdempotencyKey {
        digest: commit(&Salt::new([1; 32]), &id, &PartName::FACTS, b"").as_bytes().to_owned(),
        fingerprint: [2; 32],
    });
    let must_be_free = vec![RowKey::new(KeyKind::Identifier, stream.to_string())];
    NewAppend { organisation, stream, expected, key, must_be_free, needs: Vec::new(), about: None, event }
}

fn person(stream: StreamId) -> NewAppend {
    event(stream, Expected::New, Facts::PersonRegistered(PersonRegistered { identifier_systems: Vec::new() }))
}

async fn append(store: &PgStore, items: Vec<NewAppend>) -> Result<Vec<Appended>, StoreError> {
    let answers = store.append(&[Group { atomic: false, items }], at(0)).await?;
    Ok(answers.into_iter().flatten().map(|answer| answer.unwrap()).collect())
}

fn new_stream() -> StreamId {
    StreamId(Uuid::new_v4())
}

#[tokio::test]
async fn the_service_can_do_all_its_work_with_the_rights_that_migrate_gives() {
    let Some(ground) = Ground::new().await else { return };
    let store = PgStore::open(&ground.service, 3).await.unwrap();
    store.check().await.unwrap();
    let people: Vec<StreamId> = (0..256).map(|_| new_stream()).collect();
    append(&store, people.iter().copied().map(person).collect()).await.unwrap();
    let amended = event(people[0], Expected::Version(0), Facts::PersonAmended(PersonAmended {}));
    append(&store, vec![amended]).await.unwrap();
    let reach = Reach::Operator;
    assert_eq!(store.row(&reach, people[0], None).await.unwrap().1.unwrap().version, 1);
    let all = EventQuery { reach, stream: None, from: 0, until: OPEN_END, limit: 1_000 };
    assert_eq!(store.events(&all).await.unwrap().1.len(), 257);
    let list = RowQuery::along("R1A".parse().unwrap(), RowPath::All, None, 1_000);
    assert_eq!(store.rows(&list).await.unwrap().1.len(), 256);
    assert_eq!(store.parts(&[PartRef { position: 3, class: Class::Identity }]).await.unwrap().len(), 1);
    assert_eq!(store.leaves(0, 1_000).await.unwrap().len(), 257);
    assert_eq!(store.size_at(at(0)).await.unwrap(), 256);
    let places: Vec<_> = people.iter().copied().zip(0..).chain([(people[0], 256)]).collect();
    let rows = store.row_versions(&places).await.unwrap();
    let generation = store.begin_rebuild().await.unwrap();
    store.write_rebuilt(generation, &rows, &[]).await.unwrap();
    assert_eq!(store.rebuilt_rows(generation, &people, 257).await.unwrap().len(), 256);
    assert!(store.switch_generation(generation, 257).await.unwrap());
    assert_eq!(store.row_counts().await.unwrap(), (257, 256));
    let client = Client {
        id: "one".to_owned(),
        name: "One".to_owned(),
        organisation: "R1A".parse().unwrap(),
        scopes: std::collections::BTreeSet::new(),
        keys: ClientKeys::Issuer("https://example.org".to_owned()),
        created_at: at(0),
        rotated_at: None,
        revoked_at: None,
    };
    store.put_client(&client).await.unwrap();
    store.put_client(&client).await.unwrap();
    assert_eq!(store.clients().await.unwrap(), [client]);
    assert!(store.use_assertion("one", &[1; 32], at(10), at(0)).await.unwrap());
    assert!(store.use_assertion("one", &[2; 32], at(30), at(20)).await.unwrap());
    // An erasure, as it is done with the service's rights.
    let executed = ErasureExecuted {
        classes: vec![Class::Facts, Class::Identity, Class::Index, Class::Words],
        covers: Vec::new(),
        legal_basis: ErasureBasis::Unlawful,
        request: new_stream(),
        subject: people[2].into(),
    };
    let mut erasure = event(people[2], Expected::Version(0), Facts::ErasureExecuted(executed));
    erasure.event.parts.truncate(1);
    append(&store, vec![erasure]).await.unwrap();
    assert!(store.parts(&[PartRef { position: 2, class: Class::Identity }]).await.unwrap().is_empty());
    for destruction in store.pending_destructions(10).await.unwrap() {
        store.destruction_done(&destruction, at(9)).await.unwrap();
    }
    assert!(store.pending_destructions(10).await.unwrap().is_empty());
    // A new seal, as it is done with the service's rights.
    assert_eq!(
        run(&ground.service, "UPDATE part SET bytes = '\\x09', key_id = key_id WHERE part_id = 17").await.unwrap(),
        1
    );
    assert!(run(&ground.service, "DELETE FROM part WHERE part_id = 17").await.is_err(), "nothing covers it");
    store.close().await;
    ground.remove().await;
}

#[tokio::test]
async fn the_service_can_do_nothing_else() {
    let Some(ground) = Ground::new().await else { return };
    let store = PgStore::open(&ground.service, 2).await.unwrap();
    append(&store, vec![person(new_stream())]).await.unwrap();
    for sql in [
        "UPDATE event SET version = 9",
        "DELETE FROM event",
        "TRUNCATE event",
        "DROP TABLE event CASCADE",
        "DROP TRIGGER event_is_append_only ON event",
        "ALTER TABLE event DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "UPDATE part SET salt = NULL",
        "TRUNCATE part",
        "UPDATE log_subtree SET tree_index = 9",
        "DELETE FROM log_subtree",
        "DELETE FROM log_head",
        "INSERT INTO log_head VALUES (1, 0, 0, '', 1)",
        "UPDATE idempotency SET position = 9",
        "DELETE FROM idempotency",
        "CREATE TABLE other (one integer)",
        "UPDATE _sqlx_migrations SET success = FALSE",
    ] {
        let error = run(&ground.service, sql).await.expect_err(sql);
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{sql}: {error}");
    }
    assert!(!store.owns_the_log().await.unwrap());
    let owning = PgStore::open(&ground.owner, 2).await.unwrap();
    assert!(owning.owns_the_log().await.unwrap());
    ground.remove().await;
}

#[tokio::test]
async fn a_role_that_could_act_as_the_owner_is_found() {
    let Some(ground) = Ground::new().await else { return };
    let owner = format!("{}_owner", ground.name);
    run(&ground.owner, &format!("CREATE ROLE {owner}")).await.unwrap();
    let store = PgStore::open(&ground.service, 2).await.unwrap();
    run(&ground.owner, &format!("ALTER TABLE event OWNER TO {owner}")).await.unwrap();
    assert!(!store.owns_the_log().await.unwrap());
    run(&ground.owner, &format!("GRANT {owner} TO {}", ground.name)).await.unwrap();
    assert!(store.owns_the_log().await.unwrap(), "a member can do what the owner can");
    run(&ground.owner, &format!("REVOKE {owner} FROM {}", ground.name)).await.unwrap();
    run(&ground.owner, &format!("GRANT TRUNCATE ON event TO {}", ground.name)).await.unwrap();
    assert!(store.owns_the_log().await.unwrap(), "nothing but triggers stands in its way");
    let admin = ground.admin.clone();
    ground.remove().await;
    run(&admin, &format!("DROP ROLE {owner}")).await.unwrap();
}

#[tokio::test]
async fn triggers_that_do_not_fire_and_events_beyond_the_head_are_found() {
    let Some(ground) = Ground::new().await else { return };
    let store = PgStore::open(&ground.owner, 2).await.unwrap();
    append(&store, vec![person(new_stream()), person(new_stream())]).await.unwrap();
    store.check().await.unwrap();
    run(&ground.owner, &format!("ALTER DATABASE {} SET session_replication_role = replica", ground.name))
        .await
        .unwrap();
    let silenced = PgStore::open(&ground.owner, 2).await.unwrap();
    assert!(matches!(silenced.check().await, Err(StoreError::NotReady { .. })));
    run(&ground.owner, &format!("ALTER DATABASE {} RESET session_replication_role", ground.name)).await.unwrap();
    run(
        &ground.owner,
        "INSERT INTO event SELECT position + 1, event_id, stream, version + 1, organisation, organisation_counter + 1, recorded_at, \
         name, schema_version, leaf, leaf_hash FROM event WHERE position = 1",
    )
    .await
    .unwrap();
    assert!(matches!(store.check().await, Err(StoreError::Corrupt { .. })));
    ground.remove().await;
}

#[tokio::test]
async fn a_process_that_hangs_holds_up_the_others_for_a_while_only() {
    let Some(ground) = Ground::new().await else { return };
    let store = PgStore::open(&ground.service, 2).await.unwrap();
    let mut hanging = PgConnection::connect(&ground.service).await.unwrap();
    let mut held = hanging.begin().await.unwrap();
    sqlx::query("SELECT FROM log_head FOR UPDATE").execute(&mut *held).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(30), append(&store, vec![person(new_stream())])).await;
    let error = waited.expect("an append waits for ever").unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { outcome_unknown: false, .. }), "{error}");
    held.rollback().await.unwrap();
    append(&store, vec![person(new_stream())]).await.unwrap();
    assert_eq!(store.head().await.unwrap().size, 1);
    ground.remove().await;
}

#[tokio::test]
async fn an_append_locks_before_it_reads_whatever_the_isolation_of_the_database() {
    let Some(ground) = Ground::new().await else { return };
    run(&ground.owner, &format!("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'", ground.name))
        .await
        .unwrap();
    let store = PgStore::open(&ground.service, 2).await.unwrap();
    let other = PgStore::open(&ground.service, 2).await.unwrap();
    let many = |store: PgStore| {
        tokio::spawn(async move {
            for _ in 0..30 {
                append(&store, vec![person(new_stream())]).await.unwrap();
            }
        })
    };
    let (one, two) = (many(store), many(other));
    one.await.unwrap();
    two.await.unwrap();
    ground.remove().await;
}

#[tokio::test]
async fn lost_connections_heal_by_themselves() {
    let Some(ground) = Ground::new().await else { return };
    let store = PgStore::open(&ground.service, 3).await.unwrap();
    let other = PgStore::open(&ground.service, 3).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for round in 1..=3_u64 {
        // Several connections of the pool are open when they are cut.
        let (one, two, three) = tokio::join!(store.head(), store.head(), store.head());
        assert_eq!((one.unwrap().size, two.unwrap().size, three.unwrap().size), (round - 1, round - 1, round - 1));
        run(&ground.owner, cut).await.unwrap();
        append(&store, vec![person(new_stream())]).await.unwrap();
        run(&ground.owner, cut).await.unwrap();
        let (one, two, three) = tokio::join!(store.head(), store.head(), store.head());
        assert_eq!((one.unwrap().size, two.unwrap().size, three.unwrap().size), (round, round, round));
        let mut follow = other.follow();
        let told = tokio::time::timeout(Duration::from_secs(20), follow.wait_for(|size| *size >= round)).await;
        told.expect("the other process was not woken again").unwrap();
    }
    run(&ground.owner, cut).await.unwrap();
    assert!(store.client("none").await.unwrap().is_none());
    run(&ground.owner, cut).await.unwrap();
    assert!(store.use_assertion("one", &[1; 32], at(10), at(0)).await.unwrap());
    run(&ground.owner, cut).await.unwrap();
    assert!(store.kept_answers(&[[1; 32]]).await.unwrap().is_empty());
    run(&ground.owner, cut).await.unwrap();
    store.check().await.unwrap();
    run(&ground.owner, cut).await.unwrap();
    store.begin_rebuild().await.unwrap();
    ground.remove().await;
}
