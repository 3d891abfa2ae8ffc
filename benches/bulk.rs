//! Actions by the thousand through the one write path, against a plain `COPY` of the rows that they become, into a table with
//! the same indexes and keys. `cargo bench --bench bulk`; `benches/README.md` keeps the last table. Everything is on: schema,
//! rules, events, attendance, fsync. Only the ratio tells.

#![expect(clippy::indexing_slicing, reason = "a measurement that fails may stop where it is")]
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use ricolloca::actions::Actions;
use ricolloca::actions::wire::ActionInput;
use ricolloca::batch::{self, Context, Item, Job, Target, Verb, Wants};
use ricolloca::clock::Clock;
use ricolloca::db::session::Session;
use ricolloca::db::{self, migrate};
use ricolloca::embedded::{Durability, Options, Server};
use ricolloca::identity::{Caller, Role, ScopeSet};
use ricolloca::ids::Ids;
use ricolloca::vault::Vault;
use ricolloca::{seed, shape};
use serde_json::json;
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(QueryableByName)]
struct Ground {
    #[diesel(sql_type = SqlUuid)]
    partnership: Uuid,
    #[diesel(sql_type = SqlUuid)]
    lead: Uuid,
    #[diesel(sql_type = Array<SqlUuid>)]
    participants: Vec<Uuid>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn main() -> Outcome<()> {
    let items: usize = std::env::var("ITEMS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let size: usize = std::env::var("BATCH").ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    let folder = tempfile::tempdir()?;
    let options =
        Options { data_dir: folder.path().to_path_buf(), durability: Durability::Durable, install_if_missing: true };
    let server = Server::start(&options)?;
    server.create_database_if_missing("bench")?;
    let url = server.url("bench");
    migrate::migrate(&url)?;
    let context = Context { clock: Clock::System, ids: Ids::random(), vault: Arc::new(Vault::new(&[1; 32])) };
    seed::load(&url, &context)?;
    let mut conn = db::connect(&url)?;
    diesel::sql_query("ANALYZE").execute(&mut conn)?;
    let grounds: Vec<Ground> = diesel::sql_query(
        "SELECT p.id AS partnership, p.source_organisation_id AS lead, array_agg(w.id) AS participants FROM partnership p JOIN call c ON c.id = p.call_id \
           JOIN participant w ON w.partnership_id = p.id WHERE c.activities_to > '2090-01-01' AND p.state = 'active' AND w.left_on IS NULL \
            AND w.taken_charge_on IS NOT NULL AND w.dote_to > current_date + 300 GROUP BY p.id",
    )
    .load(&mut conn)?;
    println!("{} partnerships, {} workers", grounds.len(), grounds.iter().map(|g| g.participants.len()).sum::<usize>());
    let today = context.today();
    let lines: Vec<(usize, String)> = (0..items).map(|number| line(&grounds, number, today)).collect();
    let callers: Vec<Arc<Caller>> = grounds.iter().map(|ground| caller(ground.lead)).collect();

    let mut session = Session::connect(&url)?;
    let (mut parsing, mut refused) = (Duration::ZERO, 0);
    let own_before = own_seconds()?;
    let began = Instant::now();
    for chunk in lines.chunks(size) {
        let parse = Instant::now();
        let mut jobs: Vec<Job> = chunk
            .iter()
            .map(|(ground, line)| {
                let input: ActionInput = shape::parse(serde_json::from_str(line)?).map_err(|v| format!("{v:?}"))?;
                let name = input.external_id.clone().unwrap_or_default();
                let item: Item<Actions> = Item {
                    caller: Arc::clone(&callers[*ground]),
                    target: Target::External(name),
                    verb: Verb::Write(input),
                    if_version: None,
                    idempotency: None,
                    wants: Wants::Fields,
                };
                Ok(Job::new(item, None))
            })
            .collect::<Outcome<_>>()?;
        parsing += parse.elapsed();
        session.begin()?;
        batch::commit(&mut session, &mut jobs, &context);
        for job in &jobs {
            if let Some(Err(problem)) = job.outcome() {
                refused += 1;
                if refused < 4 {
                    println!("refused: {problem}");
                }
            }
        }
    }
    let ours = began.elapsed();
    let own = own_seconds()? - own_before;
    let stored: Count =
        diesel::sql_query("SELECT count(*) AS n FROM action WHERE external_id LIKE 'bulk-%'").get_result(&mut conn)?;
    println!(
        "{items} sent, {refused} refused, {} stored; parsing took {:.1} s, all of this thread {own:.1} s, of {:.1} s",
        stored.n,
        parsing.as_secs_f64(),
        ours.as_secs_f64()
    );

    let copy = copy(&url, folder.path())?;
    let rate = |time: Duration| stored.n as f64 / time.as_secs_f64();
    println!("| how | items per second | share |\n|---|---|---|");
    println!("| COPY of the same rows, same indexes and keys | {:.0} | 100% |", rate(copy));
    println!("| batches of {size} through the rules | {:.0} | {:.0}% |", rate(ours), 100.0 * rate(ours) / rate(copy));
    server.stop();
    Ok(())
}

fn caller(organisation: Uuid) -> Arc<Caller> {
    let scopes = ScopeSet::of_role(Role::Operator);
    Arc::new(Caller { client_id: "bulk".to_owned(), organisation, role: Role::Operator, scopes })
}

/// An action of one worker on one day, as a client would send it.
fn line(grounds: &[Ground], number: usize, today: NaiveDate) -> (usize, String) {
    let place = number / 500 % grounds.len();
    let ground = &grounds[place];
    let worker = ground.participants[number % ground.participants.len()];
    let turn =
        number / 500 / grounds.len() * 500 / ground.participants.len() + number % 500 / ground.participants.len();
    let day = today + Days::new(1 + (turn % 200) as u64);
    let body = json!({
        "external_id": format!("bulk-{number}"), "partnership": {"id": ground.partnership}, "mode": "individual", "status": "proposed",
        "planned_on": day, "municipality": "015146", "minutes": 1, "financing": "own_resources",
        "attendance": [{"participant": {"id": worker}, "minutes": 1}],
        "cost_lines": [{"basis": "standard_unit_cost", "quantity": 1, "unit_cost_cents": 3800, "amount_cents": 3800}],
        "details": {"kind": "outplacement", "method": "individual", "sessions": 1, "cv_delivered": true, "contacts": 2, "interviews": 0},
    });
    (place, body.to_string())
}

/// Seconds for which this thread has been running: the rest is PostgreSQL's.
fn own_seconds() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}

/// How long `COPY` takes for the rows that were written.
fn copy(url: &str, folder: &std::path::Path) -> Outcome<Duration> {
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
    psql(
        "CREATE TABLE action_copy (LIKE action INCLUDING ALL); \
         ALTER TABLE action_copy ADD FOREIGN KEY (source_organisation_id) REFERENCES organisation (id), \
           ADD FOREIGN KEY (partnership_id) REFERENCES partnership (id), ADD FOREIGN KEY (cohort_id) REFERENCES cohort (id), \
           ADD FOREIGN KEY (performer_organisation_id) REFERENCES organisation (id), ADD FOREIGN KEY (rectifies_id) REFERENCES action_copy (id)",
    )?;
    // As many rows are there before as are in the other table.
    psql("INSERT INTO action_copy SELECT * FROM action WHERE external_id NOT LIKE 'bulk-%'; CHECKPOINT")?;
    let began = Instant::now();
    psql(&format!("\\copy action_copy FROM '{}' (FORMAT binary)", file.display()))?;
    Ok(began.elapsed())
}
