//! Actions by the thousand through the one write path, against a plain `COPY` of the rows that they become, into a table with
//! the same indexes and foreign keys. `cargo bench --bench bulk`; `benches/README.md` keeps the last table. Everything is on: schema,
//! rules, events, attendance, fsync. Only the ratio tells.
//!
//! Environment: `ITEMS` (100,000), `BATCH` (1,000), `THREADS` (2, each with a connection, as imports have), `WORKERS` (a fiftieth of
//! the items: who looks for work for some months attends some fifty times), `DATABASE` (URL of an empty database on a server of
//! one's own, to look into it meanwhile). A file names five actions of a worker, then five of the next, and comes round
//! to the first again: so facts grow, and batches that are carried out at once have different workers.

#![expect(clippy::indexing_slicing, reason = "a measurement that fails may stop where it is")]
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Date, Text, Uuid as SqlUuid};
use ricolloca::actions::Actions;
use ricolloca::audit::Request;
use ricolloca::batch::{self, Context, Input, Item, Job, Resource, Target, Verb, Wants};
use ricolloca::clock::Clock;
use ricolloca::db::session::{Reach, Session};
use ricolloca::db::{self, migrate};
use ricolloca::embedded::{Durability, Options, Server};
use ricolloca::identifiers::{Sex, synthetic};
use ricolloca::identity::{Caller, Role, ScopeSet};
use ricolloca::ids::Ids;
use ricolloca::participants::Participants;
use ricolloca::vault::Vault;
use ricolloca::{seed, shape};
use serde_json::json;
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A cohort of the demo data's open call, with all that a worker in it is like.
#[derive(QueryableByName)]
struct Ground {
    #[diesel(sql_type = SqlUuid)]
    partnership: Uuid,
    #[diesel(sql_type = SqlUuid)]
    lead: Uuid,
    #[diesel(sql_type = SqlUuid)]
    cohort: Uuid,
    #[diesel(sql_type = Text)]
    entry_status: String,
    #[diesel(sql_type = Text)]
    dote_path: String,
    #[diesel(sql_type = Date)]
    dote_from: NaiveDate,
    #[diesel(sql_type = Date)]
    dote_to: NaiveDate,
    #[diesel(sql_type = Date)]
    taken_charge_on: NaiveDate,
}

/// A worker and where.
struct Worker {
    id: Uuid,
    ground: usize,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// One line of the file: who sends what.
type Line = (Arc<Caller>, String);

/// What the carrying out of all lines took.
#[derive(Default)]
struct Spent {
    parsing: Duration,
    /// Seconds that the threads were running: the rest is PostgreSQL's.
    own: f64,
    refused: usize,
}

fn main() -> Outcome<()> {
    let number =
        |name: &str, default: usize| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (items, size, threads) = (number("ITEMS", 100_000), number("BATCH", 1000), number("THREADS", 2));
    let folder = tempfile::tempdir()?;
    let (_server, url) = match std::env::var("DATABASE") {
        Ok(url) => (None, url),
        Err(_) => {
            let data_dir = folder.path().to_path_buf();
            let server =
                Server::start(&Options { data_dir, durability: Durability::Durable, install_if_missing: true })?;
            server.create_database_if_missing("bench")?;
            let url = server.url("bench");
            (Some(server), url)
        }
    };
    migrate::migrate(&url)?;
    let context = Context::new(Clock::System, Ids::random(), Vault::new(&[1; 32]));
    seed::load(&url, &context)?;
    let mut conn = db::connect(&url)?;
    let grounds: Vec<Ground> = diesel::sql_query(
        "SELECT DISTINCT ON (p.id) p.id AS partnership, p.source_organisation_id AS lead, w.cohort_id AS cohort, w.entry_status, w.dote_path, \
                w.dote_from, w.dote_to, w.taken_charge_on FROM partnership p JOIN call c ON c.id = p.call_id \
           JOIN participant w ON w.partnership_id = p.id AND w.operator_organisation_id = p.source_organisation_id \
          WHERE c.activities_to > '2090-01-01' AND p.state = 'active' AND w.left_on IS NULL \
            AND w.taken_charge_on IS NOT NULL AND w.dote_to > current_date + 300 ORDER BY p.id, w.id",
    )
    .load(&mut conn)?;
    let callers: Vec<Arc<Caller>> = grounds.iter().map(|ground| caller(ground.lead)).collect();
    let workers = hire(&url, &context, &grounds, &callers, number("WORKERS", items.div_ceil(50)))?;
    println!("{} partnerships, {} workers, {threads} threads", grounds.len(), workers.len());
    let today = context.today();
    let lines: Vec<Line> = (0..items)
        .map(|number| {
            let worker = &workers[number / 5 % workers.len()];
            let body =
                action(&grounds[worker.ground], worker, number, number / 5 / workers.len() * 5 + number % 5, today);
            (Arc::clone(&callers[worker.ground]), body)
        })
        .collect();
    diesel::sql_query("ANALYZE").execute(&mut conn)?;

    let began = Instant::now();
    let spent = send::<Actions>(&url, &context, &lines, size, threads)?;
    let ours = began.elapsed();
    let stored: Count =
        diesel::sql_query("SELECT count(*) AS n FROM action WHERE external_id LIKE 'bulk-%'").get_result(&mut conn)?;
    println!(
        "{items} sent, {} refused, {} stored; parsing took {:.1} s, all of the threads {:.1} s, of {:.1} s",
        spent.refused,
        stored.n,
        spent.parsing.as_secs_f64(),
        spent.own,
        ours.as_secs_f64()
    );

    let [bare, copy] = copy(&url, folder.path())?;
    let rate = |time: Duration| stored.n as f64 / time.as_secs_f64();
    println!("| how | items per second | share |\n|---|---|---|");
    println!("| COPY of the same rows, same indexes and foreign keys | {:.0} | 100% |", rate(copy));
    println!(
        "| COPY of the same rows, same indexes, without keys | {:.0} | {:.0}% |",
        rate(bare),
        100.0 * rate(bare) / rate(copy)
    );
    println!(
        "| batches of {size} through the rules, {threads} threads | {:.0} | {:.0}% |",
        rate(ours),
        100.0 * rate(ours) / rate(copy)
    );
    Ok(())
}

/// Carries out all lines, in batches, on as many threads; tells of each tenth of the way, since the last must not be slower
/// than the first.
fn send<R: Resource>(url: &str, context: &Context, lines: &[Line], size: usize, threads: usize) -> Outcome<Spent> {
    let batches: Vec<&[Line]> = lines.chunks(size).collect();
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let work = || -> Outcome<Spent> {
        let mut session = Session::connect(url)?;
        let (mut spent, before) = (Spent::default(), own_seconds()?);
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = batches.get(place) else { break };
            let parse = Instant::now();
            let mut jobs: Vec<Job> = batch.iter().map(job::<R>).collect::<Outcome<_>>()?;
            spent.parsing += parse.elapsed();
            session.begin_for(Reach::All)?;
            batch::commit(&mut session, &mut jobs, context);
            for problem in jobs.iter().filter_map(|job| job.outcome()?.as_ref().err()) {
                spent.refused += 1;
                if spent.refused < 4 {
                    println!("refused: {problem}");
                }
            }
            if (place + 1) % batches.len().div_ceil(10) == 0 {
                println!("{} batches after {:.2} s", place + 1, began.elapsed().as_secs_f64());
            }
        }
        spent.own = own_seconds()? - before;
        Ok(spent)
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().try_fold(Spent::default(), |sum, thread| {
            let spent = thread.join().map_err(|_| "a thread panicked")??;
            Ok(Spent {
                parsing: sum.parsing + spent.parsing,
                own: sum.own + spent.own,
                refused: sum.refused + spent.refused,
            })
        })
    })
}

fn job<R: Resource>((caller, line): &Line) -> Outcome<Job> {
    let input: R::Input = shape::parse(serde_json::from_str(line)?).map_err(|v| format!("{v:?}"))?;
    let name = input.external_id().unwrap_or_default().to_owned();
    let item: Item<R> = Item {
        caller: Arc::clone(caller),
        request: Request::internal("test"),
        target: Target::External(name),
        verb: Verb::Write(input),
        if_version: None,
        idempotency: None,
        wants: Wants::Fields,
    };
    Ok(Job::new(item, None))
}

/// Workers beside those of the demo data, which are too few for so many actions.
fn hire(
    url: &str,
    context: &Context,
    grounds: &[Ground],
    callers: &[Arc<Caller>],
    wanted: usize,
) -> Outcome<Vec<Worker>> {
    let lines: Vec<Line> = (0..wanted)
        .map(|number| {
            let place = number % grounds.len();
            (Arc::clone(&callers[place]), participant(&grounds[place], number))
        })
        .collect();
    let spent = send::<Participants>(url, context, &lines, 500, 1)?;
    if spent.refused > 0 {
        return Err("workers were refused".into());
    }
    let mut conn = db::connect(url)?;
    let hired: Vec<(String, Uuid)> = {
        use ricolloca::db::schema::participant::dsl as p;
        p::participant
            .filter(p::external_id.like("bulk-%"))
            .select((p::external_id.assume_not_null(), p::id))
            .load(&mut conn)?
    };
    let mut workers = hired
        .into_iter()
        .map(|(name, id)| Ok((name.trim_start_matches("bulk-").parse()?, id)))
        .collect::<Outcome<Vec<(usize, Uuid)>>>()?;
    workers.sort_unstable();
    Ok(workers.into_iter().map(|(number, id)| Worker { id, ground: number % grounds.len() }).collect())
}

/// A worker as a client would send one, like another of the same cohort.
fn participant(ground: &Ground, number: usize) -> String {
    let letters: String = [676, 26, 1].iter().map(|place| char::from(b'A' + (number / place % 26) as u8)).collect();
    let year = 1960 + (number / 17_576) as i32;
    let tax_code = synthetic::person(&letters, "BLK", year, 5, 1, Sex::Male, "F205");
    json!({
        "external_id": format!("bulk-{number}"), "cohort": {"id": ground.cohort}, "tax_code": tax_code.as_str(), "given_name": "Marco",
        "family_name": "Prova", "sex": "male", "birth_year": year, "municipality": "015146", "entry_status": ground.entry_status,
        "dote": {"number": format!("BULK-{number:06}"), "path": ground.dote_path, "valid_from": ground.dote_from, "valid_to": ground.dote_to},
        "taken_charge_on": ground.taken_charge_on,
    })
    .to_string()
}

fn caller(organisation: Uuid) -> Arc<Caller> {
    let scopes = ScopeSet::of_role(Role::Operator);
    Arc::new(Caller {
        client_id: "bulk".to_owned(),
        organisation,
        role: Role::Operator,
        scopes,
        generation: 1,
        voucher: None,
        tracking: None,
    })
}

/// An action of one worker on one day, as a client would send it.
fn action(ground: &Ground, worker: &Worker, number: usize, turn: usize, today: NaiveDate) -> String {
    let day = today + Days::new(1 + (turn % 200) as u64);
    json!({
        "external_id": format!("bulk-{number}"), "partnership": {"id": ground.partnership}, "mode": "individual", "status": "proposed",
        "planned_on": day, "municipality": "015146", "minutes": 60, "financing": "own_resources",
        "attendance": [{"participant": {"id": worker.id}, "minutes": 60}],
        "cost_lines": [{"basis": "standard_unit_cost", "quantity": 1, "unit_cost_cents": 3800, "amount_cents": 3800}],
        "details": {"kind": "outplacement", "method": "individual", "sessions": 1, "cv_delivered": true, "contacts": 2, "interviews": 0},
    })
    .to_string()
}

/// Seconds for which this thread has been running: the rest is PostgreSQL's.
fn own_seconds() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}

/// How long `COPY` takes for the rows that were written, into a table without foreign keys and into one with those that a table
/// like this would have. (Actions have their keys checked by statements: see the migration `keys_of_actions`.)
fn copy(url: &str, folder: &std::path::Path) -> Outcome<[Duration; 2]> {
    let newest = std::fs::read_dir("/usr/lib/postgresql")?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .max()
        .ok_or("no psql")?;
    let file = folder.join("rows");
    std::fs::File::create(&file)?.flush()?;
    let psql = |script: &str| -> Outcome<()> {
        let status = Command::new(newest.join("psql")).args([url, "-v", "ON_ERROR_STOP=1", "-qc", script]).status()?;
        if status.success() { Ok(()) } else { Err("psql failed".into()) }
    };
    psql(&format!(
        "\\copy (SELECT * FROM action WHERE external_id LIKE 'bulk-%') TO '{}' (FORMAT binary)",
        file.display()
    ))?;
    let keys = "ALTER TABLE action_copy ADD FOREIGN KEY (source_organisation_id) REFERENCES organisation (id), \
           ADD FOREIGN KEY (partnership_id) REFERENCES partnership (id), ADD FOREIGN KEY (cohort_id) REFERENCES cohort (id), \
           ADD FOREIGN KEY (performer_organisation_id) REFERENCES organisation (id), ADD FOREIGN KEY (rectifies_id) REFERENCES action_copy (id)";
    let mut times = [Duration::ZERO; 2];
    for (time, keys) in times.iter_mut().zip(["", keys]) {
        psql(&format!(
            "SET client_min_messages = warning; DROP TABLE IF EXISTS action_copy; CREATE TABLE action_copy (LIKE action INCLUDING ALL); {keys}"
        ))?;
        // As many rows are there before as are in the other table.
        psql("INSERT INTO action_copy SELECT * FROM action WHERE external_id NOT LIKE 'bulk-%'; CHECKPOINT")?;
        let began = Instant::now();
        psql(&format!("\\copy action_copy FROM '{}' (FORMAT binary)", file.display()))?;
        *time = began.elapsed();
    }
    Ok(times)
}
