//! Outcomes: declared, evidenced, verified or disputed, withdrawn; and whether they count as placements.

use ricolloca::identifiers::synthetic;
use serde_json::{Value, json};

use crate::support::world::{Draft, World, with};

/// An active partnership on 1 December 2012.
fn active(world: &mut World) -> Draft {
    let draft = world.active("p", 1);
    world.on("2012-12-01");
    draft
}

fn without(object: &Value, names: &[&str]) -> Value {
    let mut object = object.clone();
    for name in names {
        object.as_object_mut().unwrap().remove(*name);
    }
    object
}

fn reasons(outcome: &Value) -> Vec<String> {
    let reasons = outcome["placement"]["reasons"].as_array().unwrap();
    reasons.iter().map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_outcome_is_declared_evidenced_verified_and_withdrawn() {
    let mut world = World::new();
    let draft = active(&mut world);
    let body = world.outcome_body(&draft.participant, 1);
    let made = world.operator.post("/v1/outcomes", without(&body, &["cob"])).expect(201);
    assert_eq!(made.json()["state"], "declared");
    assert_eq!(made.json()["placement"]["days"], 365);
    let path = format!("/v1/outcomes/{}", made.id());
    let verify = |body: Value| world.dote.post(&format!("{path}/verification"), body);
    assert_eq!(verify(json!({"verdict": "verified"})).expect(409).code(), "wrong_state");
    world.operator.patch(&path, 1, json!({"cob": synthetic::cob(1).as_str()})).expect(200);
    world.operator.post(&format!("{path}/verification"), json!({"verdict": "verified"})).expect(403);
    world.region.post(&format!("{path}/verification"), json!({"verdict": "verified"})).expect(403);

    let verified = verify(json!({"verdict": "verified"})).expect(200).json();
    assert_eq!((&verified["state"], &verified["version"]), (&json!("verified"), &json!(3)));
    assert_eq!(verified["employer_tax_code"], body["employer_tax_code"]);
    let changed = world.operator.patch(&path, 3, json!({"working_time": "P"})).expect(409);
    assert_eq!(changed.code(), "wrong_state");
    assert_eq!(world.operator.put(&path, Some(3), body.clone()).expect(200).json()["version"], 3);
    assert_eq!(world.operator.delete(&path, 3).expect(409).code(), "wrong_state");

    assert!(verify(json!({"verdict": "disputed"})).expect(422).has("/reason", "required"));
    let told = verify(json!({"verdict": "disputed", "reason": "VRFLFA70A01F205B"})).expect(422);
    assert!(told.has("/reason", "personal_data") && !told.to_string().contains("VRFLFA"));
    let disputed = verify(json!({"verdict": "disputed", "reason": "Nessuna comunicazione"})).expect(200).json();
    assert_eq!((&disputed["state"], reasons(&disputed)), (&json!("disputed"), vec!["disputed".to_owned()]));
    let corrected = world.operator.patch(&path, 4, json!({"working_time": "P"})).expect(200).json();
    assert_eq!((&corrected["state"], &corrected["state_reason"]), (&json!("evidenced"), &Value::Null));

    let withdrawal = format!("{path}/withdrawal");
    world.second.post(&withdrawal, json!({})).expect(404);
    let gone = world.operator.post(&withdrawal, json!({"reason": "Errore"})).expect(200).json();
    assert_eq!((&gone["state"], &gone["placement"]["counts"]), (&json!("withdrawn"), &json!(false)));
    assert_eq!(world.operator.post(&withdrawal, json!({})).expect(409).code(), "wrong_state");
    assert_eq!(world.operator.patch(&path, 6, json!({"working_time": "F"})).expect(409).code(), "wrong_state");
    // The notice is free again.
    world.operator.post("/v1/outcomes", body).expect(201);
}

#[test]
fn steps_are_taken_once_and_on_the_version_that_was_read() {
    let mut world = World::new();
    let draft = active(&mut world);
    let made = world.operator.post("/v1/outcomes", world.outcome_body(&draft.participant, 1)).expect(201);
    let path = format!("/v1/outcomes/{}/verification", made.id());
    let send = |headers: &[(&str, &str)]| {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        world.dote.send("POST", &path, &all, json!({"verdict": "verified"}).to_string())
    };
    send(&[("if-match", "\"2\"")]).expect(412);
    let first = send(&[("if-match", "\"1\""), ("idempotency-key", "k")]).expect(200);
    let again = send(&[("if-match", "\"1\""), ("idempotency-key", "k")]).expect(200);
    assert_eq!((first.body, again.header("idempotent-replayed")), (again.body.clone(), Some("true")));
}

#[test]
fn the_form_follows_the_kind() {
    let mut world = World::new();
    let draft = active(&mut world);
    let body = world.outcome_body(&draft.participant, 1);
    let trainee = world.operator.post("/v1/outcomes", with(&body, json!({"contract_type": "C.01.00"}))).expect(422);
    assert!(trainee.has("/contract_type", "not_allowed"), "{trainee}");
    let bare = json!({"participant": {"id": draft.participant}, "kind": "employment", "starts_on": "2012-06-30", "ends_on": "2012-06-29",
                      "vat_opened_on": "2012-10-01", "previous_cob": synthetic::cob(7).as_str()});
    let answer = world.operator.post("/v1/outcomes", bare).expect(422);
    for (pointer, code) in [
        ("/contract_type", "required"),
        ("/employer_tax_code", "required"),
        ("/working_time", "required"),
        ("/cob", "required"),
        ("/vat_opened_on", "not_allowed"),
        ("/starts_on", "outcome.after_dote"),
        ("/ends_on", "ends_before_start"),
    ] {
        assert!(answer.has(pointer, code), "{pointer} {code}: {answer}");
    }
    let searching = json!({"participant": {"id": draft.participant}, "kind": "searching", "starts_on": "2012-10-01"});
    let searching = world.operator.post("/v1/outcomes", searching).expect(201).json();
    assert_eq!((&searching["state"], reasons(&searching)), (&json!("declared"), vec!["no_work".to_owned()]));
    let own = json!({"participant": {"id": draft.participant}, "kind": "self_employment", "starts_on": "2012-10-01", "vat_opened_on": "2012-10-01"});
    let own = world.operator.post("/v1/outcomes", own).expect(201).json();
    assert_eq!((&own["state"], &own["placement"]["counts"]), (&json!("evidenced"), &json!(true)));
    let trainee = with(&without(&body, &["working_time"]), json!({"kind": "traineeship", "contract_type": "C.01.00"}));
    let trainee = world.operator.post("/v1/outcomes", trainee).expect(201).json();
    assert_eq!((&trainee["state"], reasons(&trainee)), (&json!("evidenced"), vec!["traineeship".to_owned()]));
}

#[test]
fn contracts_of_one_employer_make_one_placement() {
    let mut world = World::new();
    let draft = active(&mut world);
    let contract = |notice: u64, from: &str, to: &str| {
        let body = world.outcome_body(&draft.participant, notice);
        world.operator.post("/v1/outcomes", with(&body, json!({"starts_on": from, "ends_on": to}))).expect(201)
    };
    let first = contract(1, "2012-07-10", "2012-10-07");
    assert_eq!((&first.json()["placement"]["counts"], &first.json()["placement"]["days"]), (&json!(false), &json!(90)));
    let second = contract(2, "2012-10-08", "2013-01-05");
    assert_eq!(
        (&second.json()["placement"]["counts"], &second.json()["placement"]["days"]),
        (&json!(true), &json!(180))
    );
    let path = format!("/v1/outcomes/{}", first.id());
    assert_eq!(world.dote.get(&path).expect(200).json()["placement"]["days"], 180);
    // Annulled, it is no link any more.
    world.operator.patch(&format!("/v1/outcomes/{}", second.id()), 1, json!({"cob_annulled": true})).expect(200);
    let alone = world.dote.get(&path).expect(200).json();
    assert_eq!((&alone["placement"]["counts"], &alone["placement"]["days"]), (&json!(false), &json!(90)));
}

#[test]
fn the_company_that_dismissed_the_worker_is_no_placement() {
    let mut world = World::new();
    let draft = active(&mut world);
    let company = world.region.get(&format!("/v1/organisations/{}", world.others[4])).expect(200).json();
    let body = with(
        &world.outcome_body(&draft.participant, 1),
        json!({"employer_tax_code": company["tax_code"], "contract_type": "A.01.00"}),
    );
    let made = world.operator.post("/v1/outcomes", body).expect(201).json();
    assert_eq!(reasons(&made), ["outcome.not_dismissing_company"]);
}

#[test]
fn a_call_may_count_differently() {
    let mut world = World::with_rules(json!({"placement_min_days": 366, "contract_types": {"A.05.02": "always"}}));
    let draft = active(&mut world);
    let body = world.outcome_body(&draft.participant, 1);
    let made = world.operator.post("/v1/outcomes", body).expect(201).json();
    assert_eq!((&made["placement"]["counts"], reasons(&made)), (&json!(false), vec!["duration".to_owned()]));
    let on_call = with(&world.outcome_body(&draft.participant, 2), json!({"contract_type": "A.05.02"}));
    assert_eq!(world.operator.post("/v1/outcomes", on_call).expect(201).json()["placement"]["counts"], true);
}

#[test]
fn a_notice_is_evidence_of_one_outcome() {
    let mut world = World::new();
    let draft = active(&mut world);
    let body = world.outcome_body(&draft.participant, 1);
    world.operator.post("/v1/outcomes", body.clone()).expect(201);
    let twice = world.operator.post("/v1/outcomes", body.clone()).expect(409);
    assert_eq!(twice.code(), "already_exists");
    assert!(twice.has("/cob", "already_in_use"), "{twice}");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|_| {
                let (client, body) = (world.operator.clone(), world.outcome_body(&draft.participant, 2));
                scope.spawn(move || client.post("/v1/outcomes", body).status)
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    let itself = with(&body, json!({"cob": synthetic::cob(3).as_str(), "previous_cob": synthetic::cob(3).as_str()}));
    assert!(world.operator.post("/v1/outcomes", itself).expect(422).has("/previous_cob", "repeated_item"));
}

#[test]
fn who_is_not_in_charge_neither_writes_nor_sees_the_employer() {
    let mut world = World::new();
    let draft = active(&mut world);
    let member = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    world.operator.post("/v1/members", member).expect(201);
    let body = world.outcome_body(&draft.participant, 1);
    let made = world.operator.post("/v1/outcomes", body.clone()).expect(201);
    let path = format!("/v1/outcomes/{}", made.id());
    assert_eq!(world.second.get(&path).expect(200).json()["employer_tax_code"], Value::Null);
    assert_eq!(world.second.patch(&path, 1, json!({"working_time": "P"})).expect(403).code(), "not_yours");
    let foreign = with(&body, json!({"cob": synthetic::cob(4).as_str()}));
    assert_eq!(world.second.post("/v1/outcomes", foreign).expect(403).code(), "not_yours");
    world.stranger.get(&path).expect(404);
    world.auditor.get(&path).expect(403);
    let count = |query: &str| world.region.all(&format!("/v1/outcomes?{query}")).len();
    for (query, number) in [
        ("kind=employment&state=evidenced&contract_type=A.02.00", 1),
        ("starts_from=2012-10-01&starts_to=2012-10-01&sort=-starts_on", 1),
        ("starts_from=2012-10-02", 0),
        ("starts_to=2012-09-30", 0),
        ("state=verified", 0),
    ] {
        assert_eq!(count(query), number, "{query}");
    }
    assert_eq!(count(&format!("partnership={}&participant={}", draft.id, draft.participant)), 1);
}

#[test]
fn outcomes_go_on_after_the_conclusion_until_the_call_is_closed() {
    let mut world = World::new();
    let draft = active(&mut world);
    let other = world.draft("q", 2);
    world.operator.act(&format!("/v1/partnerships/{}/conclusion", draft.id)).expect(200);
    world.operator.act(&format!("/v1/partnerships/{}/withdrawal", other.id)).expect(200);
    let made = world.operator.post("/v1/outcomes", world.outcome_body(&draft.participant, 1)).expect(201);
    let none = world.operator.post("/v1/outcomes", world.outcome_body(&other.participant, 2)).expect(409);
    assert_eq!(none.code(), "wrong_state");
    let path = format!("/v1/outcomes/{}", made.id());
    world.on("2014-01-01");
    let new = world.operator.post("/v1/outcomes", world.outcome_body(&draft.participant, 3)).expect(422);
    assert!(new.has("", "call.open"), "{new}");
    world.operator.patch(&path, 1, json!({"working_time": "P"})).expect(200);
    world.on("2014-07-01");
    let late = world.operator.patch(&path, 2, json!({"working_time": "F"})).expect(422);
    assert!(late.has("", "call.corrections"), "{late}");
    assert!(world.operator.post(&format!("{path}/withdrawal"), json!({})).expect(422).has("", "call.corrections"));
    // The Dote system goes on comparing.
    world.dote.post(&format!("{path}/verification"), json!({"verdict": "verified"})).expect(200);
}
