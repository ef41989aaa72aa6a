//! What a store is: every statement here runs on SQLite and on PostgreSQL, and both must keep it.
//!
//! A statement is an async function over a [`Ground`](ground_test::Ground): a fresh database that it opens as often as
//! it likes. It speaks of the trait `Store` and looks behind it only where the database itself must refuse something.
//! `nothing` shows that the statements can fail.

/// Makes each statement a test of its own on each store.
macro_rules! on_both_stores {
    ($($name:ident)*) => {
        mod sqlite_store { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let ground = crate::store::contract_test::ground_test::Ground::sqlite();
                super::$name(&ground).await;
                ground.remove().await;
            }
        )* }
        mod postgres_store { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(ground) = crate::store::contract_test::ground_test::Ground::postgres().await {
                    super::$name(&ground).await;
                    ground.remove().await;
                }
            }
        )* }
    };
}

mod accesses;
mod agree;
mod appends;
mod archive;
mod attestation;
mod audit;
mod database;
mod erasures;
mod events;
mod ground_test;
mod groups;
mod history;
mod log;
mod making;
mod moved;
mod nothing;
mod outage;
mod proof;
mod rebuilds;
mod rows;
mod travelling;
mod waiting;
