//! Calls: who publishes them, their budget, their rules.

use serde_json::json;

use crate::support::Scene;
use crate::support::scene::call;

#[test]
fn the_region_publishes_and_everybody_reads() {
    let world = Scene::new();
    world.lead.post("/v1/calls", call("PT-2012")).expect(403);
    let made = world.region.post("/v1/calls", call("PT-2012")).expect(201);
    assert_eq!(made.json()["rules"]["min_subjects"], 3);
    for client in ["operator-3", "dote", "auditor"] {
        let read = world.service.client(client).get(&format!("/v1/calls/{}", made.id())).expect(200);
        assert_eq!(read.body, made.body);
    }
    let again = world.region.put("/v1/calls/by-external-id/PT-2012", None, call("PT-2012")).expect(200);
    assert_eq!(again.json()["version"], 1);
    let mut twin = call("PT-2012");
    twin["external_id"] = json!("other");
    assert!(world.region.post("/v1/calls", twin).expect(409).has("/code", "already_in_use"));
}

#[test]
fn what_is_wrong_with_a_call_is_told_at_once() {
    let world = Scene::new();
    let mut bad = call("PT-2012");
    bad["applications_to"] = json!("2012-06-30");
    bad["reporting_deadline"] = json!("2013-12-30");
    bad["rules"] = world.region.post("/v1/calls", call("PT-2011")).expect(201).json()["rules"].clone();
    bad["rules"]["contract_types"] = json!({"Z.99.99": "never"});
    bad["rules"]["dote_paths"] = json!(["job_placement", "job_placement"]);
    let answer = world.region.post("/v1/calls", bad).expect(422);
    for (pointer, code) in [
        ("/applications_to", "ends_before_start"),
        ("/reporting_deadline", "ends_before_start"),
        ("/rules/contract_types/Z.99.99", "unknown_code"),
        ("/rules/dote_paths/1", "repeated_item"),
    ] {
        assert!(answer.has(pointer, code), "{pointer} {code}: {answer}");
    }
}

#[test]
fn lists_are_narrowed_by_code_and_window() {
    let world = Scene::new();
    world.call("PT-2012", json!({}));
    let later = json!({"applications_from": "2014-01-01", "applications_to": "2014-02-01", "activities_from": "2014-02-01",
                       "activities_to": "2015-01-31", "reporting_deadline": "2015-03-31"});
    world.call("AR-2014", later);
    for (query, codes) in [
        ("code=AR-2014", vec!["AR-2014"]),
        ("applications_on=2012-09-30", vec!["PT-2012"]),
        ("activities_on=2014-02-01", vec!["AR-2014"]),
        ("sort=code", vec!["AR-2014", "PT-2012"]),
        ("sort=-code&limit=1", vec!["PT-2012", "AR-2014"]),
        ("external_id=PT-2012", vec!["PT-2012"]),
    ] {
        let found = world.lead.all(&format!("/v1/calls?{query}"));
        let found: Vec<&str> = found.iter().filter_map(|item| item["code"].as_str()).collect();
        if query.starts_with("external_id") {
            assert_eq!(world.region.all(&format!("/v1/calls?{query}")).len(), 1);
        }
        assert_eq!(found, codes, "{query}");
    }
}

#[test]
fn the_budget_follows_allocation_and_grants() {
    let world = Scene::new();
    let id = world.call("PT-2012", json!({}));
    let budget = || world.lead.get(&format!("/v1/calls/{id}/budget")).expect(200).json();
    assert_eq!(
        budget(),
        json!({"call_id": id, "allocation_cents": 500_000_000, "granted_cents": 0, "remaining_cents": 500_000_000})
    );
    world.approved(&id, "pt-1", 15_000_000);
    let path = format!("/v1/calls/{id}");
    let refused = world.region.patch(&path, 1, json!({"allocation_cents": 14_999_999})).expect(422);
    assert!(refused.has("/allocation_cents", "call.allocation"), "{refused}");
    world.region.patch(&path, 1, json!({"allocation_cents": 15_000_000})).expect(200);
    assert_eq!((&budget()["granted_cents"], &budget()["remaining_cents"]), (&json!(15_000_000), &json!(0)));
    assert_eq!(world.region.delete(&path, 2).expect(409).code(), "still_referenced");
    let unused = world.call("PT-2013", json!({}));
    world.region.delete(&format!("/v1/calls/{unused}"), 1).expect(204);
    world.lead.get(&format!("/v1/calls/{unused}/budget")).expect(404);
    world.lead.get(&format!("/v1/calls/{unused}/rules")).expect(404);
}

#[test]
fn every_rule_is_listed_with_what_the_call_sets_it_to() {
    let world = Scene::new();
    let plain = world.call("PT-2012", json!({}));
    let rules = world.lead.get(&format!("/v1/calls/{plain}/rules")).expect(200).json()["items"].clone();
    let rule = |rules: &serde_json::Value, code: &str| {
        rules.as_array().unwrap().iter().find(|rule| rule["code"] == code).unwrap().clone()
    };
    assert_eq!(rules.as_array().unwrap().len(), 28);
    let subjects = rule(&rules, "composition.min_subjects");
    assert_eq!((&subjects["invariant"], &subjects["parameters"]), (&json!(1), &json!({"min_subjects": 3})));
    assert_eq!((&subjects["valid_from"], &subjects["valid_to"]), (&json!("2012-07-01"), &json!("2014-03-31")));
    assert_eq!(rule(&rules, "grant.maximum")["in_force"], false);

    let mut parameters = world.lead.get(&format!("/v1/calls/{plain}")).json()["rules"].clone();
    parameters["max_grant_cents"] = json!(20_000_000);
    parameters["min_subjects"] = json!(4);
    let later = world.call("AR-2014", json!({"rules": parameters}));
    let rules = world.lead.get(&format!("/v1/calls/{later}/rules")).expect(200).json()["items"].clone();
    assert_eq!(rule(&rules, "grant.maximum")["in_force"], true);
    assert_eq!(rule(&rules, "grant.maximum")["failing_example"], json!({"requested_cents": 20_000_001}));
    assert_eq!(rule(&rules, "composition.min_subjects")["passing_example"], json!({"distinct_subjects": 4}));
}
