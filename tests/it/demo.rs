//! The demo data, and the quickstart walked on it, as it stands.

use std::collections::BTreeMap;
use std::process::Command;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use ricolloca::seed;
use serde_json::Value;

use crate::support::Service;
use crate::support::postgres::Database;

#[derive(QueryableByName)]
struct Digest {
    #[diesel(sql_type = Text)]
    digest: String,
}

/// What a table holds, but for what is sealed with a secret and a random key.
fn digests(conn: &mut PgConnection) -> BTreeMap<&'static str, String> {
    conn.batch_execute("SET TIME ZONE 'UTC'").unwrap();
    ["organisation", "call", "partnership", "member", "cohort", "participant", "action", "outcome", "attendance"]
        .into_iter()
        .map(|table| {
            let query = format!(
                "SELECT count(*) || ' ' || md5(string_agg(t::text, '|' ORDER BY t::text)) AS digest FROM {table} AS t"
            );
            (table, diesel::sql_query(query).get_result::<Digest>(conn).unwrap().digest)
        })
        .collect()
}

#[test]
fn the_demo_data_is_of_the_stated_size_the_same_at_every_run_and_loaded_once() {
    let service = Service::demo();
    let first = digests(&mut service.database.connect());
    for (table, count) in [("partnership", "40 "), ("participant", "2000 "), ("action", "10000 ")] {
        assert!(first[table].starts_with(count), "{table}: {}", first[table]);
    }
    let other = Database::new();
    let context = || crate::support::service::context(ricolloca::clock::Clock::System);
    seed::load(&other.url, &context()).unwrap();
    assert_eq!(digests(&mut other.connect()), first);
    seed::load(&other.url, &context()).unwrap();
    assert_eq!(digests(&mut other.connect()), first, "a second start loads nothing");

    // Something to see for each of those who try it.
    let dote = service.demo_client("demo-dote");
    let mut states: Vec<String> = dote
        .all("/v1/outcomes?limit=200")
        .iter()
        .map(|outcome| outcome["state"].as_str().unwrap().to_owned())
        .collect();
    states.sort_unstable();
    states.dedup();
    assert_eq!(states, ["declared", "evidenced", "verified"]);
    for client in ["demo-operator-1", "demo-operator-2"] {
        let partnerships = service.demo_client(client).all("/v1/partnerships?limit=200");
        let state = |state: &str| partnerships.iter().filter(|partnership| partnership["state"] == state).count();
        assert!(state("active") >= 2 && state("draft") >= 1, "{client}: {}", Value::from(partnerships.clone()));
    }
    let delivered = dote.changes();
    let kinds = |kind: &str| delivered.iter().filter(|change| change["type"] == kind && change["version"] == 1).count();
    assert_eq!((kinds("partnership"), kinds("participant"), kinds("action")), (40, 2000, 10_000));
}

/// Every block marked `sh`, in one shell, in the order of the page.
fn script(page: &str) -> String {
    let mut script = String::from("set -euo pipefail\n");
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    script
}

#[test]
fn the_quickstart_works_as_it_stands() {
    let service = Service::demo();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/quickstart.md")).unwrap();
    let script = script(&page);
    assert!(script.matches("curl").count() > 15, "the quickstart lost its commands");
    let output = Command::new("bash").args(["-c", &script]).env("URL", &service.url).output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
