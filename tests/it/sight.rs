//! What a reader of the feed is told besides changes of records: what it gains and loses sight of, and what it is shown otherwise
//! although the record did not change; and how it waits, and where the feed ends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::support::service::Client;
use crate::support::world::World;

/// A reader that does as the guide says.
#[derive(Default)]
pub struct Copy {
    pub records: BTreeMap<(String, String), Value>,
    pub cursor: Option<String>,
    pub seen: Vec<(String, String, String)>,
}

impl Copy {
    /// Applies everything that is in the feed by now, page by page.
    #[track_caller]
    pub fn pull(&mut self, client: &Client, limit: usize) -> &mut Self {
        self.seen.clear();
        loop {
            let cursor = self.cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = client.get(&format!("/v1/changes?limit={limit}{cursor}")).expect(200).json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit);
            items.iter().for_each(|item| self.apply(item));
            self.cursor = Some(page["next"].as_str().unwrap().to_owned());
            if page["has_more"] == false {
                return self;
            }
        }
    }

    fn apply(&mut self, item: &Value) {
        let text = |name: &str| item[name].as_str().unwrap().to_owned();
        let (kind, id, operation) = (text("type"), text("id"), text("operation"));
        match operation.as_str() {
            "upsert" | "grant" if item["record"].is_null() => {}
            "upsert" | "grant" => drop(self.records.insert((kind.clone(), id.clone()), item["record"].clone())),
            "delete" => drop(self.records.remove(&(kind.clone(), id.clone()))),
            "revoke" => self.records.retain(|(kind, record), content| {
                (kind != "partnership" || *record != id) && content["partnership_id"] != json!(id)
            }),
            other => panic!("{other}"),
        }
        self.seen.push((operation, kind, id));
    }

    fn count(&self, kind: &str) -> usize {
        self.records.keys().filter(|(of, _)| of == kind).count()
    }

    fn told(&self, operation: &str) -> usize {
        self.seen.iter().filter(|(told, ..)| told == operation).count()
    }
}

/// What a client sees, by exports.
#[track_caller]
pub fn truth(client: &Client) -> BTreeMap<(String, String), Value> {
    let kinds = ["organisations", "calls", "partnerships", "members", "cohorts", "participants", "actions", "outcomes"];
    let mut records = BTreeMap::new();
    for kind in kinds {
        let answer = client.get(&format!("/v1/exports/{kind}")).expect(200);
        let text = String::from_utf8(answer.body.clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.last().unwrap()["_end"].is_object(), "{kind}: cut off");
        let singular = kind.trim_end_matches('s').to_owned();
        for record in &lines[1..lines.len() - 1] {
            records.insert((singular.clone(), record["id"].as_str().unwrap().to_owned()), record.clone());
        }
    }
    records
}

#[track_caller]
fn same(copy: &Copy, client: &Client) {
    let truth = truth(client);
    let missing: Vec<_> = truth.keys().filter(|key| !copy.records.contains_key(key)).collect();
    let extra: Vec<_> = copy.records.keys().filter(|key| !truth.contains_key(key)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, extra {extra:?}");
    for (key, record) in &truth {
        assert_eq!(&copy.records[key], record, "{key:?}");
    }
}

#[test]
fn who_joins_gets_what_was_there_and_who_leaves_is_told_to_forget_it() {
    let mut world = World::new();
    let draft = world.active("PT-1", 1);
    for day in ["2012-09-10", "2012-09-11", "2012-09-12", "2012-09-13", "2012-09-14"] {
        world.on(day);
        let action = world.action_body(&draft.id, &draft.cohort, &draft.participant, day);
        world.operator.post("/v1/actions", action).expect(201);
    }
    let mut copies: Vec<Copy> = (0..3).map(|_| Copy::default()).collect();
    // Page sizes at which the gain of a partnership is delivered whole, in two pages, and record by record.
    let limits = [1000, 7, 1];
    for (copy, limit) in copies.iter_mut().zip(limits) {
        copy.pull(&world.second, limit);
        assert_eq!((copy.count("partnership"), copy.told("grant"), copy.told("revoke")), (0, 0, 0));
        same(copy, &world.second);
    }
    let body = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    let member = world.operator.post("/v1/members", body).expect(201).id();
    for (copy, limit) in copies.iter_mut().zip(limits) {
        copy.pull(&world.second, limit);
        // The partnership, its five members, cohort, participant and actions.
        assert_eq!(copy.told("grant"), 1 + 5 + 1 + 1 + 5, "{:?}", copy.seen);
        same(copy, &world.second);
        assert!(copy.records.values().all(|record| record["tax_code"].as_str().is_none_or(|code| code.len() == 11)));
    }
    // The lead was told of the member, and of no gain.
    let mut lead = Copy::default();
    lead.pull(&world.operator, 1000);
    assert_eq!(lead.told("grant"), 0);
    same(&lead, &world.operator);

    let left = world.second.get(&format!("/v1/members/{member}")).expect(200);
    world.operator.delete(&format!("/v1/members/{member}"), left.json()["version"].as_i64().unwrap()).expect(204);
    for (copy, limit) in copies.iter_mut().zip(limits) {
        copy.pull(&world.second, limit);
        assert_eq!((copy.told("revoke"), copy.count("partnership"), copy.count("action")), (1, 0, 0));
        same(copy, &world.second);
    }
    // Who begins now is told neither of what it never saw, nor shown what it no longer sees.
    let mut late = Copy::default();
    late.pull(&world.second, 3);
    same(&late, &world.second);
    assert_eq!(late.told("grant"), 0, "{:?}", late.seen);
    // And again: what was written meanwhile comes with it.
    world.on("2012-09-17");
    let action = world.action_body(&draft.id, &draft.cohort, &draft.participant, "2012-09-17");
    world.operator.post("/v1/actions", action).expect(201);
    let body = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    world.operator.post("/v1/members", body).expect(201);
    for (copy, limit) in copies.iter_mut().zip(limits) {
        copy.pull(&world.second, limit);
        assert_eq!(copy.count("action"), 6);
        same(copy, &world.second);
    }
    let mut everything = Copy::default();
    everything.pull(&world.dote, 50);
    assert_eq!(
        (everything.told("grant"), everything.told("revoke")),
        (0, 0),
        "who sees everything gains and loses nothing"
    );
}

#[test]
fn a_membership_that_ends_with_a_day_is_told_of_on_the_next() {
    let mut world = World::new();
    let draft = world.active("PT-1", 1);
    let body = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    world.operator.post("/v1/members", body).expect(201);
    let mut copy = Copy::default();
    copy.pull(&world.second, 100);
    assert_eq!(copy.count("partnership"), 1);
    // The database's day is today's: the member left yesterday, which nobody wrote today.
    let mut conn = world.service.database.connect();
    conn.batch_execute(
        "SET session_replication_role = replica; ALTER TABLE member DISABLE TRIGGER sight_update; \
         UPDATE member SET left_on = current_date - 1 WHERE organisation_id = (SELECT organisation_id FROM client WHERE id = 'operator-2'); \
         ALTER TABLE member ENABLE ALWAYS TRIGGER sight_update; UPDATE sight_settled SET settled_on = current_date - 1;",
    )
    .unwrap();
    copy.pull(&world.second, 100);
    assert_eq!((copy.told("revoke"), copy.count("partnership")), (1, 0));
    copy.pull(&world.second, 100);
    assert_eq!(copy.seen.len(), 0, "once");
}

#[test]
fn what_rests_on_other_records_is_told_when_those_change() {
    let mut world = World::new();
    let draft = world.active("PT-1", 1);
    world.on("2012-10-02");
    let outcome = world.operator.post("/v1/outcomes", world.outcome_body(&draft.participant, 1)).expect(201).id();
    let mut copy = Copy::default();
    copy.pull(&world.dote, 100);
    let placement = |copy: &Copy| copy.records[&("outcome".to_owned(), outcome.clone())]["placement"].clone();
    assert_eq!(placement(&copy)["counts"], true);
    // A call that demands more days.
    let call = world.region.get(&format!("/v1/calls/{}", world.call)).expect(200).json();
    let mut changed = call.clone();
    changed["rules"]["placement_min_days"] = json!(1000);
    for name in ["id", "version", "created_at", "updated_at"] {
        changed.as_object_mut().unwrap().remove(name);
    }
    world.region.put(&format!("/v1/calls/{}", world.call), call["version"].as_i64(), changed).expect(200);
    copy.pull(&world.dote, 100);
    assert_eq!(placement(&copy)["counts"], false, "{}", placement(&copy));
    same(&copy, &world.dote);
    // An extension of the contract with the same employer: each outcome rests on the other.
    let mut extension = world.outcome_body(&draft.participant, 2);
    extension["starts_on"] = json!("2013-10-01");
    extension["ends_on"] = json!("2016-12-31");
    let first = world.operator.get(&format!("/v1/outcomes/{outcome}")).expect(200).json();
    extension["previous_cob"] = first["cob"].clone();
    world.operator.post("/v1/outcomes", extension).expect(201);
    copy.pull(&world.dote, 100);
    assert_eq!(placement(&copy)["counts"], true, "{}", placement(&copy));
    same(&copy, &world.dote);
    // The name of a member's organisation.
    let other = world.region.get(&format!("/v1/organisations/{}", world.others[0])).expect(200).json();
    let patch = [("content-type", "application/merge-patch+json"), ("if-match", "\"1\"")];
    world
        .region
        .send("PATCH", &format!("/v1/organisations/{}", world.others[0]), &patch, r#"{"name": "Renamed"}"#)
        .expect(200);
    assert_eq!(other["version"], 1);
    copy.pull(&world.dote, 100);
    assert!(copy.records.values().any(|record| record["organisation_name"] == "Renamed"));
    same(&copy, &world.dote);
}

#[test]
fn a_reader_waits_for_news_and_is_told_at_once() {
    let world = World::new();
    let mut copy = Copy::default();
    copy.pull(&world.operator, 1000);
    let path = |wait: i32| format!("/v1/changes?wait={wait}&cursor={}", copy.cursor.as_ref().unwrap());
    let began = Instant::now();
    let page = world.operator.get(&path(1)).expect(200).json();
    assert!(began.elapsed() >= Duration::from_secs(1), "it waited");
    assert_eq!(page["items"], json!([]));
    let page = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.operator.get(&path(30)).expect(200).json());
        std::thread::sleep(Duration::from_millis(300));
        // Not for the reader; then something that is.
        let body =
            json!({"name": "x", "tax_code": ricolloca::identifiers::synthetic::organisation(1_300_000, 15).as_str()});
        world.region.post("/v1/organisations", body).expect(201);
        waiting.join().unwrap()
    });
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert!(page["lag_seconds"].as_f64().unwrap() < 20.0);
    assert_eq!(world.operator.get("/v1/changes?wait=31").expect(400).json()["errors"][0]["pointer"], "wait");
    assert_eq!(world.operator.get("/v1/changes?wait=-1").expect(400).code(), "malformed_request");
}

#[test]
fn a_page_comes_as_lines_where_they_are_wanted() {
    let world = World::new();
    let accept = [("accept", "application/x-ndjson")];
    let answer = world.dote.send("GET", "/v1/changes?limit=3", &accept, "").expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let text = String::from_utf8(answer.body).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let page = world.dote.get("/v1/changes?limit=3").expect(200).json();
    assert_eq!(json!(&lines[..3]), page["items"]);
    assert_eq!((lines.len(), &lines[3]["next"], &lines[3]["has_more"]), (4, &page["next"], &page["has_more"]));
}

#[test]
fn a_cursor_of_what_is_gone_is_refused_and_says_where_to_begin() {
    let world = World::new();
    let mut copy = Copy::default();
    let first = world.dote.get("/v1/changes?limit=2").expect(200).json()["next"].as_str().unwrap().to_owned();
    copy.pull(&world.dote, 1000);
    let last = copy.cursor.clone().unwrap();
    let get = |cursor: &str| world.dote.get(&format!("/v1/changes?cursor={cursor}"));
    let mut conn = world.service.database.connect();
    // Forgotten: all but the head.
    conn.batch_execute("SELECT feed_prune(now() + interval '1 hour', 100000)").unwrap();
    let expired = get(&first).expect(410);
    assert_eq!(expired.code(), "cursor_expired");
    assert!(expired.json()["detail"].as_str().unwrap().contains("/v1/exports"));
    assert_eq!(world.dote.get("/v1/changes").expect(410).code(), "cursor_expired", "the beginning is gone, too");
    assert_eq!(get(&last).expect(200).json()["items"], json!([]));
    same(&copy, &world.dote);
    // An export still says where to go on.
    let export = world.dote.get("/v1/exports/calls").expect(200);
    let head: Value = serde_json::from_str(String::from_utf8(export.body).unwrap().lines().next().unwrap()).unwrap();
    get(head["_export"]["cursor"].as_str().unwrap()).expect(200);
    // Another transaction in its place: of a log that was lost.
    conn.batch_execute(
        "UPDATE change_position SET xid = '7' WHERE position = (SELECT max(position) FROM change_position)",
    )
    .unwrap();
    get(&last).expect(410);
    // Another database: a restored one.
    let fresh = world.dote.get("/v1/exports/calls").expect(200);
    let head: Value = serde_json::from_str(String::from_utf8(fresh.body).unwrap().lines().next().unwrap()).unwrap();
    let fresh = head["_export"]["cursor"].as_str().unwrap().to_owned();
    get(&fresh).expect(200);
    conn.batch_execute("UPDATE feed_epoch SET of_database = 'another/00000001/5'").unwrap();
    get(&fresh).expect(410);
    // Which gives transactions the numbers that others had before: those are not told once more.
    let begin = |client: &Client| {
        let export = client.get("/v1/exports/calls").expect(200);
        let text = String::from_utf8(export.body).unwrap();
        let head: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        head["_export"]["cursor"].as_str().unwrap().to_owned()
    };
    let fresh = begin(&world.dote);
    let body =
        json!({"name": "x", "tax_code": ricolloca::identifiers::synthetic::organisation(1_300_000, 15).as_str()});
    let made = world.region.post("/v1/organisations", body).expect(201).id();
    conn.batch_execute("SELECT change_log_sequence(1000)").unwrap();
    conn.batch_execute(
        "UPDATE change_event SET xid = (SELECT xid FROM change_event ORDER BY seq DESC LIMIT 1) WHERE seq <= (SELECT max(after_seq) FROM feed_epoch)",
    )
    .unwrap();
    let page = get(&fresh).expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["items"][0]["id"], made);
    // Cursors that were tampered with.
    for forged in [
        "",
        "x",
        "e30",
        &last[1..],
        &last[..last.len() - 3],
        "eyJlIjoiMDE4OTAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAwIiwicCI6LTEsInMiOjB9",
    ] {
        assert_eq!(get(forged).expect(400).code(), "invalid_cursor", "{forged}");
    }
}

#[test]
fn the_figures_tell_where_the_feed_stands_and_name_nobody() {
    let mut world = World::new();
    world.active("PT-1", 1);
    Copy::default().pull(&world.dote, 100);
    let answer = world.service.anonymous().get("/metrics").expect(200);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = String::from_utf8(answer.body).unwrap();
    for figure in [
        "ricolloca_feed_position ",
        "ricolloca_feed_pending 0",
        "ricolloca_feed_sequencing_seconds_count ",
        "ricolloca_feed_page_seconds_bucket{",
        "# EOF",
    ] {
        assert!(text.contains(figure), "{figure}: {text}");
    }
    let position: u64 =
        text.lines().find_map(|line| line.strip_prefix("ricolloca_feed_position ")).unwrap().parse().unwrap();
    assert!(position > 10, "{text}");
    assert!(!text.contains(&crate::support::world::worker(1)) && !text.contains("operator-1"));
}
