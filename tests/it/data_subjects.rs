//! What a worker may ask for, and the end of retention.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::{Value, json};

use crate::calls::change_call;
use crate::support::http::Answer;
use crate::support::world::{Draft, with, worker};
use crate::support::{Service, World};

const EXPORT: &str = "/v1/workers/export";
const LOOKUP: &str = "/v1/participants/lookup";

/// An active partnership in November with two workers, who attended one action, and an outcome of the first.
struct Story {
    world: World,
    draft: Draft,
    /// The other worker's record.
    other: String,
    action: String,
    outcome: String,
}

impl Story {
    fn new() -> Self {
        let mut world = World::new();
        let draft = world.active("story", 1);
        let other = world.operator.post("/v1/participants", world.participant_body(&draft.cohort, 2)).expect(201).id();
        world.on("2012-10-31");
        let mut action = world.action_body(&draft.id, &draft.cohort, &draft.participant, "2012-10-02");
        action["mode"] = json!("group");
        action["attendance"] = json!([{"participant": {"id": draft.participant}, "minutes": 60}, {"participant": {"id": other}, "minutes": 60}]);
        let action = world.operator.post("/v1/actions", action).expect(201).id();
        let outcome = world.operator.post("/v1/outcomes", world.outcome_body(&draft.participant, 1)).expect(201).id();
        Self { world, draft, other, action, outcome }
    }

    fn path(&self) -> String {
        format!("/v1/participants/{}", self.draft.participant)
    }

    fn step(&self, name: &str, body: Value) -> Answer {
        self.world.region.post(&format!("{}/{name}", self.path()), body)
    }
}

fn found(client: &crate::support::service::Client, serial: usize) -> usize {
    let page = client.post(LOOKUP, json!({"tax_code": worker(serial)})).expect(200).json();
    page["items"].as_array().unwrap().len()
}

#[test]
fn a_worker_gets_a_copy_of_everything_and_of_nobody_else() {
    let story = Story::new();
    let world = &story.world;
    world.dote.get(&story.path()).expect(200);
    change_call(world, json!({"rules": {"retention_months": 120}})).expect(200);
    let asked = json!({"tax_code": worker(1)});
    for client in [&world.operator, &world.dote, &world.auditor] {
        assert_eq!(client.post(EXPORT, asked.clone()).expect(403).code(), "insufficient_scope");
    }
    let answer = world.region.post(EXPORT, asked.clone()).expect(200);
    let copy = answer.json();
    assert_eq!(copy["participants"][0]["tax_code"], worker(1));
    assert_eq!(copy["participants"].as_array().unwrap().len(), 1);
    assert_eq!(copy["kept"], json!([{"participant_id": story.draft.participant, "until": "2024-06-30"}]));
    assert_eq!(copy["actions"][0]["id"], story.action);
    // The action was attended by another as well: that is said to nobody but them.
    let attendance = json!([{"participant_id": story.draft.participant, "minutes": 60}]);
    assert_eq!(copy["actions"][0]["attendance"], attendance);
    assert_eq!(
        (&copy["outcomes"][0]["id"], &copy["revisions"][0]["record"]["id"]),
        (&json!(story.outcome), &json!(story.outcome))
    );
    let text = answer.to_string();
    assert!(!text.contains(&worker(2)) && !text.contains(&story.other), "{text}");
    let shown: Vec<&str> =
        copy["disclosures"].as_array().unwrap().iter().map(|one| one["operation"].as_str().unwrap()).collect();
    for operation in ["show_participant", "create_participant", "create_action", "create_outcome"] {
        assert!(shown.contains(&operation), "{operation}: {shown:?}");
    }
    assert_eq!(copy["more_disclosures"], false);
    // In the reader's language; and what was shown is noted, as is that somebody was looked for in vain.
    let headers = [("content-type", "application/json"), ("accept-language", "it")];
    let italian = world.region.send("POST", EXPORT, &headers, asked.to_string()).expect(200).json();
    assert!(italian["notice"].as_str().unwrap().contains("titolare"), "{italian}");
    assert_eq!(world.region.post(EXPORT, json!({"tax_code": worker(9)})).expect(404).code(), "not_found");
    assert!(
        world
            .region
            .post(EXPORT, json!({"tax_code": "X"}))
            .expect(422)
            .violations()
            .iter()
            .any(|(pointer, _)| pointer == "/tax_code")
    );
    let end = Instant::now() + Duration::from_secs(10);
    let noted = || world.auditor.all("/v1/audit-events?operation=export_worker");
    while noted().len() < 3 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    let noted = noted();
    let kinds: Vec<usize> = noted.iter().map(|event| event["records"].as_array().unwrap().len()).collect();
    assert_eq!(kinds, [0, 3, 3], "{noted:?}");
}

#[test]
fn who_a_worker_is_is_corrected_whatever_state_the_partnership_is_in() {
    let mut story = Story::new();
    story.world.on("2013-10-01");
    story.world.operator.act(&format!("/v1/partnerships/{}/conclusion", story.draft.id)).expect(200);
    let before = story.world.region.get(&story.path()).expect(200).json();
    let version = before["version"].as_i64().unwrap();
    let stepped = |body: &Value, headers: &[(&str, &str)]| {
        let headers = [&[("content-type", "application/json")], headers].concat();
        let path = format!("{}/rectification", story.path());
        story.world.region.send("POST", &path, &headers, body.to_string())
    };
    // What is wrong is told at once, and is not repeated.
    for (body, pointer, code) in [
        (json!({}), "", "required"),
        (json!({"tax_code": "VRFLFA70A01F205C"}), "/tax_code", "wrong_check_character"),
        (json!({"given_name": "  "}), "/given_name", "too_short"),
        (json!({"birth_year": 2099}), "/birth_year", "in_the_future"),
        (json!({"dote": {}}), "/dote", "unknown_field"),
    ] {
        let answer = stepped(&body, &[]).expect(422);
        assert!(answer.has(pointer, code), "{answer}");
        assert!(!answer.to_string().contains("VRFLFA"), "{answer}");
    }
    // The other worker is in charge at the same time: two people are not one.
    assert_eq!(stepped(&json!({"tax_code": worker(2)}), &[]).expect(409).code(), "worker_taken");
    assert_eq!(stepped(&json!({"given_name": "Maria"}), &[("if-match", "\"99\"")]).expect(412).code(), "stale_version");
    let other = story.world.operator.post(&format!("{}/rectification", story.path()), json!({"given_name": "X"}));
    assert_eq!(other.expect(403).code(), "insufficient_scope");

    let corrected = json!({"tax_code": worker(5), "given_name": "Maria", "sex": "female", "birth_year": 1971});
    let key = [("idempotency-key", "r1")];
    let answer = stepped(&corrected, &key).expect(200);
    let after = answer.json();
    let expected = json!({"tax_code": worker(5), "given_name": "Maria", "sex": "female", "birth_year": 1971, "version": version + 1,
        "pseudonym": after["pseudonym"], "updated_at": after["updated_at"], "warnings": after["warnings"]});
    assert_eq!(after, with(&before, expected));
    assert_ne!(after["pseudonym"], before["pseudonym"]);
    assert_eq!(stepped(&corrected, &key).expect(200).body, answer.body);
    assert_eq!(stepped(&corrected, &[]).expect(200).json()["version"], version + 1, "it is so already");
    assert_eq!((found(&story.world.operator, 1), found(&story.world.operator, 5)), (0, 1));
    // What the worker attended is the corrected one's: the rule against paying twice rests on it.
    let count = |code: usize| {
        let index = crate::support::service::context(story.world.service.clock.clone()).vault.index(&worker(code));
        let digits: String = index.iter().map(|byte| format!("{byte:02x}")).collect();
        number(&story.world.service, &format!("attendance WHERE worker_index = '\\x{digits}'"))
    };
    assert_eq!((count(1), count(5)), (0, 1));
    let told = story.world.dote.changes();
    let last = told.iter().rev().find(|event| event["id"] == json!(story.draft.participant)).unwrap();
    assert_eq!(last["record"]["tax_code"], worker(5));
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn number(service: &Service, of: &str) -> i64 {
    diesel::sql_query(format!("SELECT count(*) AS n FROM {of}"))
        .get_result::<Number>(&mut service.database.connect())
        .unwrap()
        .n
}

#[test]
fn what_is_restricted_is_kept_as_it_is_and_shown_to_the_region_alone() {
    let story = Story::new();
    let world = &story.world;
    let before = world.operator.get(&story.path()).expect(200).json();
    let kept = || number(&world.service, &format!("idempotency WHERE record_id = '{}'", story.draft.participant));
    let keyed = [("content-type", "application/json"), ("idempotency-key", "kept")];
    let corrected = format!("{}/rectification", story.path());
    world
        .region
        .send("POST", &corrected, &keyed, json!({"birth_year": 1970, "given_name": "Mario"}).to_string())
        .expect(200);
    assert_eq!(kept(), 1);
    let restricted = story.step("restriction", json!({"restricted": true})).expect(200).json();
    assert!(restricted["restricted_at"].is_string() && restricted["tax_code"] == worker(1), "{restricted}");
    let version = restricted["version"].as_i64().unwrap();
    assert_eq!(story.step("restriction", json!({"restricted": true})).expect(200).json(), restricted, "once is enough");
    for client in [&world.operator, &world.dote] {
        let shown = client.get(&story.path()).expect(200).json();
        for name in ["tax_code", "given_name", "family_name"] {
            assert_eq!(shown[name], Value::Null, "{shown}");
        }
        assert_eq!(found(client, 1), 0);
        let text = client.send("GET", "/v1/exports/participants", &[], "").expect(200).to_string();
        assert!(!text.contains(&worker(1)) && text.contains(&story.draft.participant), "{text}");
        let told = client.changes();
        let last = told.iter().rev().find(|event| event["id"] == json!(story.draft.participant)).unwrap();
        assert_eq!((&last["record"]["tax_code"], &last["record"]["version"]), (&Value::Null, &json!(version)));
    }
    assert_eq!(found(&world.region, 1), 1);

    // Nor is what was answered before: a key of those days is forgotten.
    assert_eq!(kept(), 0);
    for client in [&world.operator, &world.dote] {
        let outcome = client.get(&format!("/v1/outcomes/{}", story.outcome)).expect(200).json();
        assert_eq!(outcome["employer_tax_code"], Value::Null, "who works for whom");
    }

    // Nothing is done with it any more, by whichever way.
    let name = before["external_id"].as_str().unwrap();
    let body = with(&world.participant_body(&story.draft.cohort, 1), json!({"given_name": "Altra"}));
    for answer in [
        world.operator.patch(&story.path(), version, json!({"given_name": "Altra"})),
        world.operator.put(&format!("/v1/participants/by-external-id/{name}"), None, body),
        world.operator.delete(&story.path(), version),
        world.operator.post("/v1/outcomes", world.outcome_body(&story.draft.participant, 2)),
        world.operator.patch(&format!("/v1/outcomes/{}", story.outcome), 1, json!({"working_time": "P"})),
        world.operator.post(&format!("/v1/outcomes/{}/withdrawal", story.outcome), json!({})),
        world.operator.delete(&format!("/v1/outcomes/{}", story.outcome), 1),
    ] {
        assert_eq!(answer.expect(409).code(), "wrong_state");
    }
    let action = world.action_body(&story.draft.id, &story.draft.cohort, &story.draft.participant, "2012-10-03");
    let answer = world.operator.post("/v1/actions", action).expect(422);
    assert!(answer.has("/attendance/0/participant", "restricted"), "{answer}");
    let action = format!("/v1/actions/{}", story.action);
    let nobody = world.operator.patch(&action, 1, json!({"attendance": []})).expect(422);
    assert!(nobody.has("/attendance", "restricted"), "{nobody}");
    assert!(world.operator.delete(&action, 1).expect(422).has("/attendance", "restricted"));
    let evidence = world.operator.patch(&action, 1, json!({"evidence": "https://example.org/register"}));
    assert!(evidence.expect(200).json()["attendance"].as_array().unwrap().len() == 2, "what was recorded stays");
    let verification = format!("/v1/outcomes/{}/verification", story.outcome);
    world.dote.post(&verification, json!({"verdict": "verified"})).expect(200);
    // A pusher that repeats what it sent is answered as ever, without what it is not shown.
    let again = world.participant_body(&story.draft.cohort, 1);
    let again = world.operator.put(&format!("/v1/participants/by-external-id/{name}"), None, again).expect(200).json();
    assert_eq!((&again["version"], &again["tax_code"]), (&json!(version), &Value::Null));

    let free = story.step("restriction", json!({"restricted": false})).expect(200).json();
    assert_eq!(free["restricted_at"], Value::Null);
    let after = world.operator.get(&story.path()).expect(200).json();
    let expected = json!({"version": after["version"], "updated_at": after["updated_at"]});
    assert_eq!(after, with(&before, expected), "it is what it was");
    world.operator.patch(&story.path(), version + 1, json!({"given_name": "Altra"})).expect(200);
}

fn run(service: &Service, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_ricolloca"))
        .env("DATABASE_URL", &service.database.url)
        .env("RICOLLOCA_SECRET", "2a".repeat(32))
        .args(["--data-dir", folder.path().to_str().unwrap()])
        .args(arguments)
        .output()
        .unwrap()
}

fn retention(service: &Service, arguments: &[&str]) -> Vec<i64> {
    let said = run(service, &[&["retention", "run"], arguments].concat());
    assert!(said.status.success(), "{said:?}");
    let said = String::from_utf8(said.stdout).unwrap();
    said.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
}

/// Everything that the tables of workers and outcomes hold, as text.
fn rows(service: &Service) -> String {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        row: String,
    }
    let query = "SELECT p::text AS row FROM participant p UNION ALL SELECT o::text FROM outcome o UNION ALL SELECT r::text FROM outcome_revision r";
    let rows: Vec<Row> = diesel::sql_query(query).load(&mut service.database.connect()).unwrap();
    rows.into_iter().map(|row| row.row + "\n").collect()
}

#[test]
fn when_retention_has_ended_nobody_knows_who_it_was() {
    let story = Story::new();
    let world = &story.world;
    let service = &world.service;
    // Decided on with words, withdrawn with words: a story with revisions. And a worker whose record was deleted.
    let verification = format!("/v1/outcomes/{}/verification", story.outcome);
    let dispute = json!({"verdict": "disputed", "reason": "Il signor Prova non risulta assunto"});
    world.dote.post(&verification, dispute).expect(200);
    let gone = world.operator.post("/v1/participants", world.participant_body(&story.draft.cohort, 3)).expect(201);
    world.operator.delete(&format!("/v1/participants/{}", gone.id()), 1).expect(204);
    let before = world.region.get(&story.path()).expect(200).json();
    let outcome = format!("/v1/outcomes/{}", story.outcome);
    let outcome_before = world.dote.get(&outcome).expect(200).json();
    let traces = [
        outcome_before["cob"].as_str().unwrap().to_owned(),
        before["dote"]["number"].as_str().unwrap().to_owned(),
        before["pseudonym"].as_str().unwrap().to_owned(),
        "signor Prova".to_owned(),
        "w-1".to_owned(),
    ];
    assert!(traces.iter().all(|trace| rows(service).contains(trace)), "the search finds what is there");

    // A call that does not say how long is kept for ever, and the command says so.
    let nothing = retention(service, &[]);
    assert_eq!(nothing[..3], [0, 0, 0]);
    assert_eq!(nothing[4], 1);
    assert_eq!(world.region.get(&story.path()).expect(200).json(), before);
    // The deadline was in June 2014: its end is not a matter of days.
    change_call(world, json!({"rules": {"retention_months": 600}})).expect(200);
    assert_eq!(retention(service, &[])[..3], [0, 0, 0]);
    change_call(world, json!({"rules": {"retention_months": 12}})).expect(200);
    let before = world.region.get(&story.path()).expect(200).json();
    assert_eq!(retention(service, &["--dry-run"])[..3], [2, 1, 2]);
    assert_eq!(world.region.get(&story.path()).expect(200).json(), before, "a dry run changes nothing");

    let (told_before, told) = (world.dote.changes().len(), || world.dote.changes());
    assert_eq!(retention(service, &[])[..3], [2, 1, 2]);
    let after = world.region.get(&story.path()).expect(200).json();
    for name in ["tax_code", "given_name", "family_name", "external_id"] {
        assert_eq!(after[name], Value::Null, "{after}");
    }
    assert!(after["pseudonymised_at"].is_string() && after["dote"]["number"].as_str().unwrap().starts_with("X-"));
    let kept = ["birth_year", "municipality", "taken_charge_on", "cohort_id", "education_level", "sex"];
    assert!(kept.iter().all(|name| after[*name] == before[*name]), "what statistics need stays");
    let outcome_after = world.dote.get(&outcome).expect(200).json();
    for name in ["cob", "employer_tax_code", "state_reason", "external_id"] {
        assert_eq!(outcome_after[name], Value::Null, "{outcome_after}");
    }
    for name in ["kind", "contract_type", "starts_on", "state", "placement"] {
        assert_eq!(outcome_after[name], outcome_before[name], "{name}");
    }
    let left = rows(service);
    assert_eq!(traces.iter().filter(|trace| left.contains(*trace)).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(number(service, "participant WHERE person_sealed IS NOT NULL"), 0);
    assert_eq!(number(service, "outcome_revision WHERE employer_sealed IS NOT NULL OR cob IS NOT NULL"), 0);
    for revision in world.dote.all(&format!("{outcome}/revisions")) {
        assert_eq!(revision["record"]["cob"], Value::Null);
    }
    // It is found by nothing, and nobody can make it somebody's again.
    assert_eq!((found(&world.region, 1), found(&world.region, 3)), (0, 0));
    assert_eq!(world.region.post(EXPORT, json!({"tax_code": worker(1)})).expect(404).code(), "not_found");
    for (step, body) in [("rectification", json!({"given_name": "X"})), ("restriction", json!({"restricted": true}))] {
        assert_eq!(story.step(step, body).expect(409).code(), "wrong_state");
    }
    let version = after["version"].as_i64().unwrap();
    let body = world.participant_body(&story.draft.cohort, 1);
    let body = with(&body, json!({"external_id": null}));
    assert_eq!(world.operator.put(&story.path(), Some(version), body).expect(409).code(), "wrong_state");
    // Whoever keeps a copy is told, and the log tells who did it.
    let told = told();
    assert!(told.len() >= told_before, "{}", told.len());
    let last = told.iter().rev().find(|event| event["id"] == json!(story.draft.participant)).unwrap();
    assert_eq!((&last["record"]["tax_code"], &last["record"]["version"]), (&Value::Null, &json!(version)));
    let by = "/v1/audit-events?client=%28command%20line%29&operation=run_retention";
    let end = Instant::now() + Duration::from_secs(10);
    let changed = || -> usize {
        let events = world.auditor.all(by);
        events
            .iter()
            .filter(|event| event["action"] == "write")
            .map(|event| event["records"].as_array().unwrap().len())
            .sum()
    };
    while changed() < 3 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(changed(), 3);
    let said = run(service, &["audit", "verify"]);
    assert!(said.status.success(), "{said:?}");
    // A second time there is nothing to do.
    assert_eq!(retention(service, &[])[..4], [0, 0, 0, 0]);
    assert_eq!(world.region.get(&story.path()).expect(200).json(), after);
}

#[test]
fn what_is_done_on_the_command_line_is_noted() {
    let world = World::new();
    for arguments in [
        &["add-client", "new", "--role", "operator", "--organisation", "99999970983"][..],
        &["revoke-client", "new"],
        &["rotate-signing-key", "--announce", "5"],
        &["keys", "rotate", "--announce", "3"],
    ] {
        let said = run(&world.service, arguments);
        assert!(said.status.success(), "{said:?}");
    }
    let end = Instant::now() + Duration::from_secs(10);
    let noted = || -> Vec<String> {
        let events = world.auditor.all("/v1/audit-events?client=%28command%20line%29");
        let mut noted: Vec<String> =
            events.iter().map(|event| event["operation"].as_str().unwrap().to_owned()).collect();
        noted.sort();
        noted
    };
    while noted().len() < 4 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(noted(), ["add_client", "revoke_client", "rotate_keys", "rotate_signing_key"]);
    let revoked = world.auditor.all("/v1/audit-events?operation=revoke_client");
    assert_eq!(revoked[0]["request_id"], "new", "which client it was about");
}
