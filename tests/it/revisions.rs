//! What was known, and when; what was true, and when.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::support::service::Client;
use crate::support::world::{World, instant};

fn known(client: &Client, outcome: &str, at: &str) -> Value {
    let found = client.get(&format!("/v1/outcomes?id={outcome}&as_known_at={at}T10:00:00Z")).expect(200).json();
    found["items"].as_array().unwrap().first().cloned().unwrap_or(Value::Null)
}

fn shown(client: &Client, outcome: &str) -> Value {
    client.get(&format!("/v1/outcomes/{outcome}")).expect(200).json()
}

#[test]
fn what_was_known_at_an_instant_is_told_as_it_was_then() {
    let mut world = World::new();
    let draft = world.active("PT-1", 1);
    let mut answers: Vec<(&str, Value)> = Vec::new();
    world.on("2012-10-01");
    let mut body = world.outcome_body(&draft.participant, 1);
    body["ends_on"] = json!("2013-02-28");
    let notice = body.as_object_mut().unwrap().remove("cob").unwrap();
    let outcome = world.operator.post("/v1/outcomes", body.clone()).expect(201).id();
    let path = format!("/v1/outcomes/{outcome}");
    answers.push(("2012-10-01", shown(&world.dote, &outcome)));
    world.on("2012-10-10");
    body["cob"] = notice.clone();
    world.operator.put(&path, Some(1), body.clone()).expect(200);
    answers.push(("2012-10-10", shown(&world.dote, &outcome)));
    world.on("2012-10-20");
    world.dote.post(&format!("{path}/verification"), json!({"verdict": "verified"})).expect(200);
    answers.push(("2012-10-20", shown(&world.dote, &outcome)));
    // An extension makes it long enough, although the record itself does not change.
    world.on("2012-11-01");
    let mut extension = world.outcome_body(&draft.participant, 2);
    extension["starts_on"] = json!("2013-03-01");
    extension["previous_cob"] = notice;
    let extension = world.operator.post("/v1/outcomes", extension).expect(201).id();
    answers.push(("2012-11-01", shown(&world.dote, &outcome)));
    // The call demands more.
    world.on("2012-11-10");
    let call = world.region.get(&format!("/v1/calls/{}", world.call)).expect(200).json();
    let mut changed = call.clone();
    changed["rules"]["placement_min_days"] = json!(2000);
    for name in ["id", "version", "created_at", "updated_at"] {
        changed.as_object_mut().unwrap().remove(name);
    }
    world.region.put(&format!("/v1/calls/{}", world.call), call["version"].as_i64(), changed).expect(200);
    answers.push(("2012-11-10", shown(&world.dote, &outcome)));
    world.on("2012-11-20");
    world.dote.post(&format!("{path}/verification"), json!({"verdict": "disputed", "reason": "x"})).expect(200);
    answers.push(("2012-11-20", shown(&world.dote, &outcome)));
    world.on("2012-12-01");
    world.operator.post(&format!("{path}/withdrawal"), json!({"reason": "y"})).expect(200);
    answers.push(("2012-12-01", shown(&world.dote, &outcome)));

    let counts: Vec<bool> = answers.iter().map(|(_, answer)| answer["placement"]["counts"] == true).collect();
    assert_eq!(counts, [false, false, false, true, false, false, false], "the story is told as it is meant");
    for (day, answer) in &answers {
        assert_eq!(&known(&world.dote, &outcome, day), answer, "as known on {day}");
    }
    for (day, before) in [("2012-10-05", 0), ("2012-10-31", 2), ("2012-11-09", 3), ("2012-11-30", 5)] {
        assert_eq!(known(&world.dote, &outcome, day), answers[before].1, "as known on {day}");
    }
    assert_eq!(known(&world.dote, &outcome, "2012-09-30"), Value::Null, "it was not known yet");
    assert_eq!(known(&world.dote, &extension, "2012-10-31"), Value::Null);

    // Every revision, as it was known when it was recorded.
    let revisions = world.dote.all(&format!("{path}/revisions"));
    let versions: Vec<&Value> = revisions.iter().map(|revision| &revision["version"]).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5]);
    for (revision, of) in revisions.iter().zip([0, 1, 2, 5, 6]) {
        assert_eq!(revision["record"], answers[of].1);
        assert_eq!(revision["recorded_at"], json!(instant(answers[of].0)));
    }
    // Who does not see the employer does not see it in what was, either.
    world.region.get(&format!("/v1/outcomes/{outcome}/revisions")).expect(200);
    assert_eq!(world.second.get(&format!("{path}/revisions")).expect(404).json()["code"], "not_found");
    world.dote.get("/v1/outcomes/01890000-0000-7000-8000-000000000000/revisions").expect(404);
    assert_eq!(known(&world.second, &outcome, "2012-11-01"), Value::Null);
    let member = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    world.operator.post("/v1/members", member).expect(201);
    let seen = world.second.all(&format!("{path}/revisions"));
    assert_eq!(seen.len(), 5);
    assert!(seen.iter().all(|revision| revision["record"]["employer_tax_code"].is_null()));
    assert!(answers[0].1["employer_tax_code"].is_string());
    assert!(known(&world.second, &outcome, "2012-11-01")["employer_tax_code"].is_null());

    // An export of what was known.
    let export = world.dote.get("/v1/exports/outcomes?as_known_at=2012-10-10T12:00:00Z").expect(200);
    let text = String::from_utf8(export.body).unwrap();
    assert_eq!(serde_json::from_str::<Value>(text.lines().nth(1).unwrap()).unwrap(), answers[1].1);
    for refused in ["2012-12-02T00:00:00Z", "x", "2012-13-01T00:00:00Z"] {
        for path in ["/v1/outcomes", "/v1/exports/outcomes"] {
            let answer = world.dote.get(&format!("{path}?as_known_at={refused}")).expect(400).json();
            assert_eq!(answer["errors"][0]["pointer"], "as_known_at", "{path} {refused}");
        }
    }
    // What is known now is what the list shows now, whatever was asked before on the same connections.
    let now = known(&world.dote, &outcome, "2012-12-01");
    for _ in 0..10 {
        assert_eq!(shown(&world.dote, &outcome), now);
        assert_eq!(world.dote.all(&format!("/v1/outcomes?id={outcome}"))[0], now);
    }
}

#[test]
fn what_was_true_on_a_day_is_told_of_that_day() {
    let mut world = World::new();
    let draft = world.active("PT-1", 1);
    world.on("2012-10-01");
    let mut body = world.outcome_body(&draft.participant, 1);
    body["ends_on"] = json!("2013-02-28");
    let first = world.operator.post("/v1/outcomes", body.clone()).expect(201).id();
    let mut extension = world.outcome_body(&draft.participant, 2);
    extension["starts_on"] = json!("2013-03-01");
    extension["previous_cob"] = body["cob"].clone();
    let second = world.operator.post("/v1/outcomes", extension).expect(201).id();
    let on = |day: &str| -> Vec<(String, bool)> {
        let found = world.dote.get(&format!("/v1/outcomes?as_of={day}&sort=starts_on")).expect(200).json();
        let items = found["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| (item["id"].as_str().unwrap().to_owned(), item["placement"]["counts"] == true))
            .collect()
    };
    assert_eq!(on("2012-09-30"), []);
    for day in ["2012-10-01", "2013-01-15", "2013-02-28"] {
        assert_eq!(
            on(day),
            [(first.clone(), false)],
            "{day}: the extension had not begun, and without it the contract is too short"
        );
    }
    for day in ["2013-03-01", "2013-09-30"] {
        assert_eq!(on(day), [(second.clone(), true)], "{day}");
    }
    assert_eq!(on("2013-10-01"), []);
    assert_eq!(world.dote.all("/v1/outcomes").len(), 2);
    let both = world.dote.get("/v1/outcomes?as_of=2013-03-01&as_known_at=2012-09-30T10:00:00Z").expect(200).json();
    assert_eq!(both["items"], json!([]));
}

/// Random histories: after each change all outcomes are read, and in the end the same is told of each instant.
#[test]
fn any_history_is_told_as_it_was_lived() {
    let mut world = World::new();
    let draft = world.active("PT-1", 1);
    let cohort =
        world.dote.get(&format!("/v1/participants/{}", draft.participant)).expect(200).json()["cohort_id"].clone();
    let second = world.participant_body(cohort.as_str().unwrap(), 2);
    let second = world.operator.post("/v1/participants", second).expect(201).id();
    let mut random = StdRng::seed_from_u64(7);
    let mut day = NaiveDate::from_ymd_opt(2012, 10, 1).unwrap();
    let (mut lived, mut outcomes) = (Vec::new(), Vec::<String>::new());
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for step in 0..90 {
        day = day + Days::new(1 + random.gen_range(0..3));
        world.on(&day.to_string());
        let some = outcomes.choose(&mut random).cloned();
        let path = format!("/v1/outcomes/{}", some.clone().unwrap_or_default());
        let current =
            some.map(|_| world.dote.get(&path)).filter(|answer| answer.status == 200).map(|answer| answer.json());
        let (name, answer) = match (random.gen_range(0..7), current) {
            (0 | 1, _) | (_, None) => {
                let whose = if random.gen_bool(0.5) { &draft.participant } else { &second };
                let mut body = world.outcome_body(whose, 100 + step);
                let from = NaiveDate::from_ymd_opt(2012, 9, 1).unwrap() + Days::new(30 * random.gen_range(0..6));
                body["starts_on"] = json!(from);
                body["ends_on"] = json!(from + Days::new(29 + 30 * random.gen_range(0..6)));
                ("create", world.operator.post("/v1/outcomes", body))
            }
            (2 | 3, Some(current)) => {
                let to = NaiveDate::from_ymd_opt(2013, 3, 1).unwrap() + Days::new(10 * random.gen_range(0..20));
                ("edit", world.operator.patch(&path, current["version"].as_i64().unwrap(), json!({"ends_on": to})))
            }
            (4, Some(_)) => {
                let verdict = *["verified", "disputed"].choose(&mut random).unwrap();
                ("verify", world.dote.post(&format!("{path}/verification"), json!({"verdict": verdict, "reason": "x"})))
            }
            (5, Some(_)) => ("withdraw", world.operator.post(&format!("{path}/withdrawal"), json!({"reason": "y"}))),
            (_, Some(current)) => ("delete", world.operator.delete(&path, current["version"].as_i64().unwrap())),
        };
        assert!(answer.status < 500, "{name}: {}", answer.status);
        if answer.status < 300 {
            *done.entry(name).or_default() += 1;
            if name == "create" {
                outcomes.push(answer.id());
            }
        }
        lived.push((day.to_string(), json!(world.dote.all("/v1/outcomes?limit=200"))));
    }
    assert_eq!(done.len(), 5, "each kind of change was made: {done:?}");
    for (day, was) in &lived {
        let told = world.dote.all(&format!("/v1/outcomes?limit=200&as_known_at={day}T10:00:00Z"));
        assert_eq!(&json!(told), was, "as known on {day}");
    }
}
