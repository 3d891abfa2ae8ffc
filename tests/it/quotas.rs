//! Quotas over HTTP, and what several processes let pass together.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ricolloca::db::usage;
use ricolloca::http::limits::{self, Meter, Quotas, Subject};
use ricolloca::vault::Vault;
use serde_json::json;

use crate::support::Service;
use crate::support::postgres::Database;
use crate::support::world::worker;

/// Waits for a minute that will not end within the next seconds.
pub fn within_a_minute() {
    let second = limits::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % 60;
    if second > 50 {
        std::thread::sleep(Duration::from_secs(61 - second));
    }
}

#[test]
fn operations_cost_what_they_are_worth_and_an_organisation_has_a_quota_of_its_own() {
    let service =
        Service::start_with_flags(&["--rate-client", "500", "--rate-organisation", "600", "--rate-lookup", "2"]);
    within_a_minute();
    let client = service.client("operator-1");
    let left = |path: &str| client.get(path).header("x-ratelimit-remaining").unwrap().parse::<u32>().unwrap();
    let nowhere = "/v1/partnerships/01890000-0000-7000-8000-000000000000";
    assert_eq!(left(nowhere), 499);
    assert_eq!(left("/v1/partnerships"), 494);
    assert_eq!(left("/v1/changes"), 484);
    assert_eq!(left("/v1/exports/partnerships"), 384);
    let look_up = || client.post("/v1/participants/lookup", json!({"tax_code": worker(5)}));
    let first = look_up().expect(200);
    assert_eq!(
        (first.header("ratelimit-policy"), first.header("x-ratelimit-remaining")),
        (Some("\"lookup\";q=2;w=60"), Some("1"))
    );
    look_up().expect(200);
    let refused = look_up().expect(429);
    assert_eq!((refused.code().as_str(), refused.header("x-ratelimit-limit")), ("too_many_requests", Some("2")));
    assert!((1..=60).contains(&refused.header("retry-after").unwrap().parse::<u32>().unwrap()));
    assert_eq!(left(nowhere), 373, "what was refused cost nothing else");
    // Another client of the same organisation.
    let mut conn = service.database.connect();
    diesel::RunQueryDsl::execute(
        diesel::sql_query("INSERT INTO client SELECT (jsonb_populate_record(c, '{\"id\": \"operator-1b\"}')).* FROM client c WHERE id = 'operator-1'"),
        &mut conn,
    )
    .unwrap();
    let other = service.client("operator-1b");
    for _ in 0..4 {
        other.get("/v1/exports/partnerships").expect(200);
    }
    let over = other.get("/v1/exports/partnerships").expect(429);
    assert!(over.header("ratelimit-policy").unwrap().starts_with("\"organisation\";q=600"), "{over}");
    service.client("operator-2").get("/v1/exports/partnerships").expect(200);
}

#[test]
fn several_processes_let_pass_what_one_would() {
    let database = Database::new();
    let mut conn = database.connect();
    let quotas = Quotas { client: 10_000, organisation: 1_000_000, address: 1, token: 1, lookup: 1 };
    let minute = UNIX_EPOCH + Duration::from_secs(6_000_000);
    // Evenly, one sided, and each by itself in turn; told each 100 ms at up to 10,000 requests a second.
    for (shares, when) in [([1, 1, 1, 1], 0), ([97, 1, 1, 1], 60), ([1, 0, 0, 0], 120)] {
        let meters: Vec<Meter> = shares.iter().map(|_| Meter::new(quotas, Arc::new(Vault::new(&[42; 32])))).collect();
        let now = minute + Duration::from_secs(when);
        let subject = || Subject::Client("a".to_owned());
        let mut allowed = 0;
        for _ in 0..60 {
            for (meter, share) in meters.iter().zip(shares) {
                let asked = 1000 * share / shares.iter().sum::<usize>();
                allowed += (0..asked).filter(|_| meter.charge(&[(subject(), 1)], now).unwrap().allowed).count();
            }
            for meter in &meters {
                let told = meter.tell(now);
                let totals = usage::add(&mut conn, &told).unwrap();
                meter.learn(&told, Some(&totals));
            }
        }
        assert!((9_900..=11_000).contains(&allowed), "{shares:?}: {allowed} of 10,000");
        for meter in &meters {
            let standing = meter.charge(&[(subject(), 1)], now + Duration::from_secs(60)).unwrap();
            assert!(standing.allowed && standing.remaining == 9_999, "the next minute begins with all of it");
        }
    }
}

#[test]
fn two_services_on_one_database_share_a_quota() {
    let service = Service::start_with_flags(&["--rate-client", "200"]);
    let other = service.another(&["--rate-client", "200"]);
    let one = service.client("operator-1");
    let two = other.bearer(one.token.as_ref().unwrap());
    // A read of what is not there costs one unit.
    let ask = |client: &crate::support::service::Client| {
        client.get("/v1/calls/01890000-0000-7000-8000-000000000000").status != 429
    };
    within_a_minute();
    assert!((0..150).all(|_| ask(&one)));
    std::thread::sleep(Duration::from_millis(500));
    // As slowly as the processes talk with each other.
    let passed = (0..150).take_while(|_| {
        std::thread::sleep(Duration::from_millis(10));
        ask(&two)
    });
    let passed = 150 + passed.count();
    assert!((190..=220).contains(&passed), "{passed} of 200 units were used");
}
