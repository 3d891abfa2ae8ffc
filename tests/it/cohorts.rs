//! Cohorts: who writes them, whose charge they are in, and until when.

use serde_json::{Value, json};

use crate::support::world::{World, with};

fn body(partnership: &str) -> Value {
    json!({"external_id": "c-1", "partnership": {"id": partnership}, "name": "Gruppo", "ateco": "25.11", "province": "MI"})
}

/// A draft with the second operator as a member.
fn network(world: &World) -> String {
    let id = world.operator.post("/v1/partnerships", world.partnership_body("p")).expect(201).id();
    for operator in [&world.operators[0], &world.operators[1]] {
        world.operator.post("/v1/members", world.member_body(&id, operator, "accredited_operator")).expect(201);
    }
    world.operator.post("/v1/members", world.member_body(&id, &world.others[0], "company")).expect(201);
    id
}

#[test]
fn the_lead_and_the_operator_in_charge_write_a_cohort() {
    let world = World::new();
    let id = network(&world);
    let own = world.second.post("/v1/cohorts", body(&id)).expect(201);
    assert_eq!(own.json()["operator_organisation_id"], json!(world.operators[1]));
    let path = format!("/v1/cohorts/{}", own.id());

    // Each calls it by a name of its own; left out, the operator stays.
    let lead = with(&body(&id), json!({"external_id": null, "name": "Altro nome"}));
    let mut lead = lead;
    lead.as_object_mut().unwrap().remove("external_id");
    let changed = world.operator.put(&path, Some(1), lead).expect(200).json();
    assert_eq!(changed["operator_organisation_id"], json!(world.operators[1]));
    assert_eq!(changed["external_id"], "c-1");

    // Only the lead hands it over.
    let refused = world.second.patch(&path, 2, json!({"operator": {"id": world.operators[0]}})).expect(403);
    assert_eq!(refused.code(), "not_yours");
    world.operator.patch(&path, 2, json!({"operator": {"id": world.operators[0]}})).expect(200);
    assert_eq!(world.second.patch(&path, 3, json!({"name": "Mio"})).expect(403).code(), "not_yours");
    assert_eq!(world.stranger.get(&path).expect(404).code(), "not_found");
    assert!(world.stranger.post("/v1/cohorts", body(&id)).expect(422).has("/partnership", "unknown_reference"));
    world.auditor.get(&path).expect(403);
    world.region.post("/v1/cohorts", body(&id)).expect(403);

    world.operator.delete(&path, 3).expect(204);
    world.operator.get(&path).expect(404);
}

#[test]
fn every_violation_of_a_cohort_is_told_at_once() {
    let world = World::new();
    let id = network(&world);
    let wrong = with(
        &body(&id),
        json!({"name": "Gruppo di VRFLFA70A01F205B", "ateco": "99.98", "province": "RM", "agreement_on": "2012-07-11",
               "operator": {"id": world.others[0]}, "crisis_company": {"tax_code": "99999928882"}}),
    );
    let answer = world.operator.post("/v1/cohorts", wrong).expect(422);
    for (pointer, code) in [
        ("/name", "personal_data"),
        ("/ateco", "unknown_code"),
        ("/province", "unknown_code"),
        ("/agreement_on", "in_the_future"),
        ("/operator", "not_admitted"),
        ("/operator", "operator.accredited_on_date"),
        ("/crisis_company", "unknown_reference"),
    ] {
        assert!(answer.has(pointer, code), "{pointer} {code}: {answer}");
    }
    assert!(!answer.to_string().contains("VRFLFA"), "{answer}");
    let outside = with(&body(&id), json!({"operator": {"id": world.operators[2]}}));
    assert!(world.operator.post("/v1/cohorts", outside).expect(422).has("/operator", "not_a_member"));
}

#[test]
fn a_call_may_demand_one_company_per_cohort() {
    let world = World::with_rules(json!({"one_crisis_company_per_cohort": true}));
    let id = network(&world);
    let answer = world.operator.post("/v1/cohorts", body(&id)).expect(422);
    assert!(answer.has("/crisis_company", "cohort.one_crisis_company"), "{answer}");
    let named = with(&body(&id), json!({"crisis_company": {"id": world.others[0]}}));
    world.operator.post("/v1/cohorts", named).expect(201);
}

#[test]
fn a_cohort_with_workers_stays_and_one_partnership_is_its_own() {
    let world = World::new();
    let draft = world.draft("p", 1);
    let path = format!("/v1/cohorts/{}", draft.cohort);
    assert_eq!(world.operator.delete(&path, 1).expect(409).code(), "still_referenced");
    let other = world.draft("q", 2);
    let moved = world.operator.patch(&path, 1, json!({"partnership": {"id": other.id}})).expect(422);
    assert!(moved.has("/partnership", "immutable"), "{moved}");
    let listed = world.operator.all(&format!("/v1/cohorts?partnership={}&operator={}", draft.id, world.operators[0]));
    assert_eq!(listed.len(), 1);
    assert_eq!(world.operator.all(&format!("/v1/cohorts?crisis_company={}", world.others[4])).len(), 2);
    assert_eq!(world.stranger.all("/v1/cohorts").len(), 0);
    assert_eq!(world.region.all("/v1/cohorts?province=MI&limit=1").len(), 2);
}

#[test]
fn cohorts_end_with_the_partnership_and_the_call() {
    let mut world = World::new();
    let draft = world.active("p", 1);
    let other = world.draft("q", 2);
    let path = format!("/v1/cohorts/{}", draft.cohort);
    world.operator.act(&format!("/v1/partnerships/{}/withdrawal", draft.id)).expect(200);
    assert_eq!(world.operator.patch(&path, 1, json!({"name": "X"})).expect(409).code(), "wrong_state");
    assert_eq!(world.operator.patch(&path, 1, json!({"name": "Gruppo"})).expect(200).json()["version"], 1);

    let path = format!("/v1/cohorts/{}", other.cohort);
    world.on("2014-01-01");
    assert!(world.operator.post("/v1/cohorts", body(&other.id)).expect(422).has("", "call.open"));
    world.operator.patch(&path, 1, json!({"name": "Corretto"})).expect(200);
    world.on("2014-07-01");
    let late = world.operator.patch(&path, 2, json!({"name": "Tardi"})).expect(422);
    assert!(late.has("", "call.corrections"), "{late}");
}
