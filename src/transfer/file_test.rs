use super::*;
use crate::transfer::{Filling, Place, TransferError};
use sqlx::{Connection, SqliteConnection};

static TABLES: [Table; 2] = [
    Table {
        name: "thing",
        columns: &[("id", Kind::Uuid), ("name", Kind::Text), ("size", Kind::Integer), ("body", Kind::Bytes)],
        key: &["id"],
        only: None,
        filling: Filling::Rows,
        derived: &[],
    },
    Table {
        name: "empty",
        columns: &[("id", Kind::Integer)],
        key: &["id"],
        only: None,
        filling: Filling::Rows,
        derived: &[],
    },
];
const SCHEMA: &str = "CREATE TABLE thing (id BLOB PRIMARY KEY, name TEXT, size INTEGER NOT NULL, body BLOB NOT NULL); \
    CREATE TABLE empty (id INTEGER PRIMARY KEY)";

async fn database(folder: &Path, name: &str, rows: u32) -> Place {
    let path = folder.join(name);
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", path.display())).await.unwrap();
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await.unwrap();
    let insert = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) \
        INSERT INTO thing SELECT CAST(printf('%016d', n) AS BLOB), CASE n % 3 WHEN 0 THEN NULL ELSE 'name ' || n END, -n, \
        zeroblob(n % 5) FROM n WHERE ?1 > 0";
    sqlx::query(insert).bind(rows).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    Place::Sqlite(path)
}

fn head() -> FileHead {
    FileHead { holds: "things".to_owned(), made_at: "2026-11-24T12:00:00Z".to_owned() }
}

async fn written(folder: &Path, rows: u32) -> (std::path::PathBuf, Contents) {
    let place = database(folder, "source.db", rows).await;
    let path = folder.join("things");
    let source = place.read(&TABLES).await.unwrap();
    let contents = write_file(&path, head(), &TABLES, source, |_, _| ()).await.unwrap();
    (path, contents)
}

fn verify(path: &Path) -> Result<Contents, TransferError> {
    verify_file(path, "things", &TABLES, |_, _| Ok(()))
}

#[tokio::test]
async fn tables_go_into_a_file_and_from_it_into_an_empty_database() {
    let folder = tempfile::tempdir().unwrap();
    let (path, contents) = written(folder.path(), 700).await;
    assert_eq!(contents.rows, [("thing".to_owned(), 700), ("empty".to_owned(), 0)].into());
    assert_eq!(verify(&path).unwrap(), contents);
    let again = database(folder.path(), "other.db", 0).await;
    assert_eq!(again.first_filled(&TABLES).await.unwrap(), None);
    let mut told = 0;
    let mut count = |_: &'static Table, rows: &[Row]| {
        told += rows.len();
        Ok(())
    };
    again.load(&TABLES, open_file(&path, "things", &TABLES).unwrap(), &mut count).await.unwrap();
    assert_eq!(told, 700);
    let file = open_file(&path, "things", &TABLES).unwrap();
    let same = crate::transfer::compare(file, again.read(&TABLES).await.unwrap(), |_| ()).await.unwrap();
    assert_eq!(same, Ok(700));
    let file = open_file(&path, "things", &TABLES).unwrap();
    let refused = again.load(&TABLES, file, &mut |_, _| Ok(())).await;
    assert!(matches!(refused, Err(TransferError::NotEmpty { table: "thing" })), "{refused:?}");
    let source = again.read(&TABLES).await.unwrap();
    let refused = write_file(&path, head(), &TABLES, source, |_, _| ()).await;
    assert!(matches!(refused, Err(TransferError::File { .. })), "a file is never overwritten");
    assert_eq!(verify(&path).unwrap(), contents);
}

#[tokio::test]
async fn each_flipped_bit_and_each_cut_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = written(folder.path(), 7).await;
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, &damaged).unwrap();
        assert!(matches!(verify(&path), Err(TransferError::Damaged { .. })), "byte {at}");
        std::fs::write(&path, &whole[..at]).unwrap();
        assert!(verify(&path).is_err(), "cut at {at}");
    }
    std::fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    assert!(verify(&path).is_err(), "something behind it");
    std::fs::write(&path, &whole).unwrap();
    verify(&path).unwrap();
    assert!(matches!(verify_file(&path, "others", &TABLES, |_, _| Ok(())), Err(TransferError::Other { .. })));
}

#[tokio::test]
async fn a_row_that_differs_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let place = database(folder.path(), "one.db", 300).await;
    let other = database(folder.path(), "other.db", 300).await;
    let Place::Sqlite(path) = &other else { panic!() };
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::query("UPDATE thing SET size = 5 WHERE size = -280").execute(&mut connection).await.unwrap();
    let compare = async || {
        crate::transfer::compare(place.read(&TABLES).await.unwrap(), other.read(&TABLES).await.unwrap(), |_| ()).await
    };
    let difference = compare().await.unwrap().unwrap_err();
    assert_eq!((difference.table.as_str(), difference.row), ("thing", 279));
    sqlx::query("DELETE FROM thing WHERE size IN (5, -281)").execute(&mut connection).await.unwrap();
    assert!(compare().await.unwrap().is_err());
}

#[tokio::test]
async fn a_loading_that_is_refused_in_the_middle_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = written(folder.path(), 700).await;
    let target = database(folder.path(), "target.db", 0).await;
    let mut groups = 0;
    let mut refuse = |_: &'static Table, _: &[Row]| {
        groups += 1;
        if groups == 3 { Err(TransferError::Unfit("enough".to_owned())) } else { Ok(()) }
    };
    let source = open_file(&path, "things", &TABLES).unwrap();
    assert!(target.load(&TABLES, source, &mut refuse).await.is_err());
    assert_eq!(target.first_filled(&TABLES).await.unwrap(), None);
    // A source that ends before everything was there.
    let half = Source::made_of(open_file(&path, "things", &TABLES).unwrap(), |item| match item {
        Item::Table(name) if name == "empty" => Ok(Vec::new()),
        item => Ok(vec![item]),
    });
    assert!(matches!(target.load(&TABLES, half, &mut |_, _| Ok(())).await, Err(TransferError::Unfit(_))));
    assert_eq!(target.first_filled(&TABLES).await.unwrap(), None);
}

#[tokio::test]
async fn a_look_is_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let place = database(folder.path(), "one.db", 100).await;
    let Place::Sqlite(path) = &place else { panic!() };
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::query("PRAGMA journal_mode = WAL").execute(&mut connection).await.unwrap();
    let source = place.read(&TABLES).await.unwrap();
    sqlx::query("DELETE FROM thing").execute(&mut connection).await.unwrap();
    let contents = write_file(&folder.path().join("things"), head(), &TABLES, source, |_, _| ()).await.unwrap();
    assert_eq!(contents.rows["thing"], 100);
}
