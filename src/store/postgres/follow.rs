//! Learning of commits of other processes: a notification is a wake-up and nothing else.

use crate::store::raise;
use sqlx::postgres::{PgListener, PgPool};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The channel on which every append says the log's new size.
pub(super) const CHANNEL: &str = "cairn_head";
/// How long to wait before listening again after the connection was lost.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens until it is aborted; a lost connection is made again.
pub(super) fn listen(pool: PgPool, size: Arc<watch::Sender<u64>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            if let Err(error) = listen_once(&pool, &size).await {
                tracing::warn!(error = %error, "following the log was interrupted");
            }
            if pool.is_closed() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}

async fn listen_once(pool: &PgPool, size: &watch::Sender<u64>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // What was committed while nobody listened.
    let now: i64 = sqlx::query_scalar("SELECT size FROM log_head").fetch_one(pool).await?;
    raise(size, u64::try_from(now).unwrap_or(0));
    while let Some(notification) = listener.try_recv().await? {
        if let Ok(told) = notification.payload().parse() {
            raise(size, told);
        }
    }
    Ok(())
}
