//! Nothing committed is missed, nothing comes out of order: many writers whose transactions overlap, are held open and are
//! rolled back, and several readers at once. The naive cursor on the sequence number, run beside them as a mutant, fails.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use ricolloca::identifiers::synthetic;
use uuid::Uuid;

use crate::support::Service;

const WRITERS: u64 = 16;
const READERS: usize = 3;
const SHARED: usize = 300;
const DURATION: Duration = Duration::from_secs(6);

type Version = (Uuid, i64);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

#[derive(QueryableByName)]
struct Numbered {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = SqlUuid)]
    record_id: Uuid,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

#[derive(QueryableByName)]
struct OfTransaction {
    #[diesel(sql_type = Text)]
    xid: String,
    #[diesel(sql_type = SqlUuid)]
    record_id: Uuid,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

fn insert(conn: &mut PgConnection, count: usize) -> QueryResult<Vec<Row>> {
    static SERIAL: AtomicU32 = AtomicU32::new(2_000_000);
    let codes: Vec<String> = (0..count)
        .map(|_| synthetic::organisation(SERIAL.fetch_add(1, Ordering::Relaxed), 15).as_str().to_owned())
        .collect();
    diesel::sql_query(
        "INSERT INTO organisation (id, version, created_at, updated_at, source_organisation_id, tax_code, name) \
         SELECT i, 1, now(), now(), i, code, 'x' FROM (SELECT gen_random_uuid() AS i, code FROM UNNEST($1) AS code) AS n \
         RETURNING id, version",
    )
    .bind::<Array<Text>, _>(codes)
    .load(conn)
}

fn update(conn: &mut PgConnection, ids: &[Uuid]) -> QueryResult<Vec<Row>> {
    diesel::sql_query("UPDATE organisation SET version = version + 1 WHERE id = ANY ($1) RETURNING id, version")
        .bind::<Array<SqlUuid>, _>(ids)
        .load(conn)
}

/// One transaction; answers what it committed.
fn transact(conn: &mut PgConnection, random: &mut StdRng, shared: &[Uuid]) -> QueryResult<Vec<Version>> {
    let mut written = Vec::new();
    conn.batch_execute("BEGIN")?;
    for _ in 0..random.gen_range(1..=4) {
        let rows = if random.gen_bool(0.4) {
            insert(conn, random.gen_range(1..=20))?
        } else {
            let mut ids: Vec<Uuid> =
                (0..random.gen_range(1..=3)).map(|_| shared[random.gen_range(0..shared.len())]).collect();
            ids.dedup();
            update(conn, &ids)?
        };
        written.extend(rows.into_iter().map(|row| (row.id, row.version)));
        if random.gen_bool(0.1) {
            conn.batch_execute("SAVEPOINT s")?;
            insert(conn, 2)?;
            conn.batch_execute("ROLLBACK TO SAVEPOINT s")?;
        }
        let hold = match random.gen_range(0..100) {
            0 => 400,
            1..30 => random.gen_range(0..8),
            _ => 0,
        };
        std::thread::sleep(Duration::from_millis(hold));
    }
    if random.gen_bool(0.2) {
        conn.batch_execute("ROLLBACK")?;
        return Ok(Vec::new());
    }
    conn.batch_execute("COMMIT")?;
    Ok(written)
}

#[test]
fn every_committed_change_is_delivered_once_and_in_order() {
    let service = Service::start();
    let mut conn = service.database.connect();
    let shared: Vec<Uuid> = insert(&mut conn, SHARED).unwrap().into_iter().map(|row| row.id).collect();
    let committed: Mutex<Vec<Version>> = Mutex::new(shared.iter().map(|id| (*id, 1)).collect());
    let writing = AtomicBool::new(true);
    let ends = Instant::now() + DURATION;

    let (delivered, naive) = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let (service, shared, committed) = (&service, &shared, &committed);
                scope.spawn(move || {
                    let mut conn = service.database.connect();
                    let mut random = StdRng::seed_from_u64(number);
                    while Instant::now() < ends {
                        match transact(&mut conn, &mut random, shared) {
                            Ok(versions) => committed.lock().unwrap().extend(versions),
                            // Writers that lock each other crosswise: one of them is sent back.
                            Err(_) => conn.batch_execute("ROLLBACK").unwrap(),
                        }
                    }
                })
            })
            .collect();
        let readers: Vec<_> = (0..READERS)
            .map(|number| {
                let (service, writing) = (&service, &writing);
                scope.spawn(move || read_feed(service, writing, [7, 100, 1000][number]))
            })
            .collect();
        let naive = scope.spawn(|| read_naively(&service, &writing));
        for writer in writers {
            writer.join().unwrap();
        }
        writing.store(false, Ordering::SeqCst);
        (readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>(), naive.join().unwrap())
    });

    let committed = committed.into_inner().unwrap();
    assert!(committed.len() > 1_500, "too little was written to show anything: {}", committed.len());
    let transactions = transactions(&mut conn);
    for feed in &delivered {
        assert_eq!(faults(&committed, feed, &transactions), Faults::default(), "of {} changes", committed.len());
    }
    let mutant = faults(&committed, &naive, &transactions);
    assert!(mutant.missed > 0, "the naive cursor missed nothing: this test has lost its teeth");
}

/// What is wrong with a feed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Faults {
    missed: usize,
    repeated: usize,
    invented: usize,
    inverted: usize,
    split: usize,
}

fn faults(committed: &[Version], feed: &[Version], transactions: &HashMap<Version, String>) -> Faults {
    let mut seen: HashMap<Version, usize> = HashMap::new();
    let mut latest: HashMap<Uuid, i64> = HashMap::new();
    let mut finished: HashMap<&str, bool> = HashMap::new();
    let mut current = "";
    let mut found = Faults::default();
    for change in feed {
        *seen.entry(*change).or_default() += 1;
        let last = latest.insert(change.0, change.1);
        found.inverted += usize::from(last.is_some_and(|last| last >= change.1));
        let xid = transactions.get(change).map_or("", String::as_str);
        if xid != current {
            finished.insert(current, true);
            found.split += usize::from(finished.contains_key(xid));
            current = xid;
        }
    }
    let truth: std::collections::HashSet<&Version> = committed.iter().collect();
    found.missed = committed.iter().filter(|change| !seen.contains_key(change)).count();
    found.repeated = seen.values().filter(|count| **count > 1).count();
    found.invented = feed
        .iter()
        .filter(|change| change.1 > 0 && !truth.contains(change) && transactions.contains_key(change))
        .count();
    found
}

/// A reader as `docs` describes it: page by page, with the cursor it was given.
fn read_feed(service: &Service, writing: &AtomicBool, limit: usize) -> Vec<Version> {
    let dote = service.client("dote");
    let mut feed = Vec::new();
    let mut cursor = String::new();
    loop {
        let last_round = !writing.load(Ordering::SeqCst);
        let page = dote.get(&format!("/v1/changes?limit={limit}&types=organisation{cursor}")).expect(200).json();
        for change in page["items"].as_array().unwrap() {
            feed.push((change["id"].as_str().unwrap().parse().unwrap(), change["version"].as_i64().unwrap()));
        }
        cursor = format!("&cursor={}", page["next"].as_str().unwrap());
        if page["has_more"] == false {
            if last_round {
                // The clients' own organisations came before the writers.
                let known: Vec<Version> = feed.into_iter().skip(CLIENTS).collect();
                return known;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Organisations that the test service makes for its clients.
const CLIENTS: usize = 6;

/// The mutant: the highest number seen is taken for the place to go on from.
fn read_naively(service: &Service, writing: &AtomicBool) -> Vec<Version> {
    let mut conn = service.database.connect();
    let mut feed = Vec::new();
    let mut cursor = i64::try_from(CLIENTS).unwrap();
    loop {
        let last_round = !writing.load(Ordering::SeqCst);
        let rows: Vec<Numbered> =
            diesel::sql_query("SELECT seq, record_id, version FROM change_event WHERE seq > $1 ORDER BY seq")
                .bind::<BigInt, _>(cursor)
                .load(&mut conn)
                .unwrap();
        cursor = rows.last().map_or(cursor, |row| row.seq);
        feed.extend(rows.into_iter().map(|row| (row.record_id, row.version)));
        if last_round {
            return feed;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn transactions(conn: &mut PgConnection) -> HashMap<Version, String> {
    diesel::sql_query("SELECT xid::text AS xid, record_id, version FROM change_event")
        .load::<OfTransaction>(conn)
        .unwrap()
        .into_iter()
        .map(|row| ((row.record_id, row.version), row.xid))
        .collect()
}
