//! Calls: published by the region, read by all; their budget, and their rules as data.

use std::collections::{BTreeMap, BTreeSet};

use ricolloca::ids::Ids;
use ricolloca::rules_catalogue as rules;
use serde_json::{Value, json};

use crate::partnerships::{approve, step};
use crate::races::at_once;
use crate::support::Service;
use crate::support::http::Answer;
use crate::support::world::{World, instant, with};

fn call(code: &str) -> Value {
    json!({
        "external_id": code, "code": code, "title": "Partenariati territoriali", "allocation_cents": 500_000_000,
        "applications_from": "2012-07-01", "applications_to": "2012-09-30", "activities_from": "2012-09-01",
        "activities_to": "2013-12-31", "reporting_deadline": "2014-03-31",
    })
}

/// An id that no record has.
pub fn absent() -> String {
    Ids::random().next(instant("2012-07-10")).to_string()
}

/// Changes parts of the world's call.
pub fn change_call(world: &World, patch: Value) -> Answer {
    let path = format!("/v1/calls/{}", world.call);
    let version = world.region.get(&path).expect(200).json()["version"].as_i64().unwrap();
    world.region.patch(&path, version, patch)
}

/// Granted and remaining under the world's call. That the three amounts agree is checked here, once.
#[track_caller]
pub fn budget(world: &World) -> (i64, i64) {
    let budget = world.region.get(&format!("/v1/calls/{}/budget", world.call)).expect(200).json();
    let cents = |name: &str| budget[name].as_i64().unwrap();
    assert_eq!(cents("allocation_cents") - cents("granted_cents"), cents("remaining_cents"), "{budget}");
    assert_eq!(budget["call_id"].as_str(), Some(world.call.as_str()));
    (cents("granted_cents"), cents("remaining_cents"))
}

/// The rules under the world's call, by code.
fn listed(world: &World) -> BTreeMap<String, Value> {
    let page = world.operator.get(&format!("/v1/calls/{}/rules", world.call)).expect(200).json();
    assert!(page["_links"]["next"].is_null(), "one page holds all");
    let items = page["items"].as_array().unwrap();
    let listed: BTreeMap<String, Value> =
        items.iter().map(|rule| (rule["code"].as_str().unwrap().to_owned(), rule.clone())).collect();
    assert_eq!(listed.len(), items.len(), "codes are unique");
    listed
}

#[test]
fn a_call_is_published_read_changed_and_deleted() {
    let service = Service::start();
    let (region, operator) = (service.client("region"), service.client("operator-1"));
    let made = region.post("/v1/calls", call("A-1")).expect(201);
    let path = format!("/v1/calls/{}", made.id());
    assert_eq!((made.header("location"), made.header("etag")), (Some(path.as_str()), Some("\"1\"")));
    for (name, value) in call("A-1").as_object().unwrap() {
        assert_eq!(&made.json()[name], value, "{name}");
    }
    for reader in ["region", "operator-1", "dote", "auditor"] {
        assert_eq!(service.client(reader).get(&path).expect(200).body, made.body, "{reader}");
    }
    operator.send("GET", &path, &[("if-none-match", "\"1\"")], "").expect(304);

    let changed = with(&call("A-1"), json!({"title": "Seconda finestra", "applications_to": "2012-12-31"}));
    region.put(&path, None, changed.clone()).expect(428);
    region.put(&path, Some(2), changed.clone()).expect(412);
    let replaced = region.put(&path, Some(1), changed.clone()).expect(200).json();
    assert_eq!((&replaced["title"], &replaced["version"]), (&json!("Seconda finestra"), &json!(2)));
    let patched = region.patch(&path, 2, json!({"rules": {"min_subjects": 4}})).expect(200).json();
    assert_eq!(patched["rules"]["min_subjects"], 4);
    assert_eq!(patched["rules"]["min_other_subjects"], 2, "what a patch leaves out stays");
    assert_eq!(patched["applications_to"], "2012-12-31");
    // What a replacement leaves out is emptied: the rules are those of 2012 again.
    assert_eq!(region.put(&path, Some(3), changed).expect(200).json()["rules"]["min_subjects"], 3);

    region.delete(&path, 3).expect(412);
    region.delete(&path, 4).expect(204);
    assert_eq!(operator.get(&path).expect(404).code(), "not_found");
    for part in ["budget", "rules"] {
        assert_eq!(operator.get(&format!("{path}/{part}")).expect(404).code(), "not_found", "{part}");
    }
}

#[test]
fn a_pusher_repeats_a_call_without_effect() {
    let service = Service::start();
    let region = service.client("region");
    let path = "/v1/calls/by-external-id/A-2";
    let made = region.put(path, None, call("A-2")).expect(201);
    let again = region.put(path, None, call("A-2")).expect(200);
    assert_eq!(made.body, again.body);
    let changed = region.put(path, None, with(&call("A-2"), json!({"title": "Altro"}))).expect(200);
    assert_eq!((changed.id(), changed.json()["version"].as_i64()), (made.id(), Some(2)));
    let renamed = region.put(path, None, with(&call("A-2"), json!({"external_id": "A-3"}))).expect(422);
    assert!(renamed.has("/external_id", "immutable"), "{renamed}");
}

#[test]
fn only_the_region_publishes() {
    let service = Service::start();
    let path = format!("/v1/calls/{}", service.client("region").post("/v1/calls", call("A-4")).expect(201).id());
    for reader in ["operator-1", "dote", "auditor"] {
        let client = service.client(reader);
        for refused in [
            client.post("/v1/calls", call("A-5")),
            client.put(&path, Some(1), with(&call("A-4"), json!({"title": "x"}))),
            client.patch(&path, 1, json!({"allocation_cents": 1})),
            client.delete(&path, 1),
            client.put("/v1/calls/by-external-id/A-4", None, call("A-4")),
        ] {
            assert_eq!(refused.expect(403).code(), "insufficient_scope", "{reader}");
        }
    }
    let anonymous = service.anonymous().post("/v1/calls", call("A-5")).expect(401);
    assert!(anonymous.header("www-authenticate").is_some());
    let read = service.client("region").all("/v1/calls");
    assert_eq!(read.len(), 1);
    assert_eq!((&read[0]["version"], &read[0]["title"]), (&json!(1), &json!("Partenariati territoriali")));
}

#[test]
fn a_code_is_unique_among_the_calls() {
    let service = Service::start();
    let region = service.client("region");
    let first = region.post("/v1/calls", call("A-6")).expect(201).id();
    let twin = with(&call("A-6"), json!({"external_id": "twin"}));
    let refused = region.post("/v1/calls", twin.clone()).expect(409);
    assert_eq!(refused.code(), "already_exists");
    assert!(refused.has("/code", "already_in_use"), "{refused}");
    let named = region.post("/v1/calls", with(&call("A-7"), json!({"external_id": "A-6"}))).expect(409);
    assert!(named.has("/external_id", "already_in_use"), "{named}");
    region.delete(&format!("/v1/calls/{first}"), 1).expect(204);
    region.post("/v1/calls", twin).expect(201);
}

#[test]
fn a_call_without_rules_has_those_of_2012() {
    let service = Service::start();
    let made = service.client("region").post("/v1/calls", call("A-8")).expect(201).json();
    let set: BTreeMap<&str, Value> = [
        ("min_subjects", json!(3)),
        ("operator_categories", json!(["accredited_operator"])),
        ("min_other_subjects", json!(2)),
        ("dote_paths", json!(["job_placement"])),
        ("own_resources_kinds", json!(["training", "income_support", "work_life_balance", "socio_assistance"])),
        ("placement_min_days", json!(180)),
        ("definitive_accreditation_only", json!(false)),
        ("operating_site_in_lombardy", json!(false)),
        ("one_crisis_company_per_cohort", json!(false)),
    ]
    .into();
    for (name, value) in set {
        assert_eq!(made["rules"][name], value, "{name}");
    }
    let others: BTreeSet<&str> =
        made["rules"]["other_categories"].as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect();
    assert_eq!(
        others,
        BTreeSet::from([
            "local_authority",
            "social_partner",
            "industrial_district",
            "meta_district",
            "chamber_of_commerce",
            "grant_making_foundation",
            "third_sector",
            "company",
            "other",
        ])
    );
    for name in ["max_grant_cents", "max_life_months", "min_cohort_size"] {
        assert!(made["rules"][name].is_null(), "{name}");
    }
}

#[test]
fn all_that_is_wrong_with_a_call_is_told_at_once() {
    let service = Service::start();
    let region = service.client("region");
    let good = region.post("/v1/calls", call("A-9")).expect(201).json();
    let mut wrong = with(
        &call("A-10"),
        json!({
            "applications_to": "2012-06-30", "activities_to": "2012-08-31", "reporting_deadline": "2012-08-30", "rules": good["rules"],
        }),
    );
    wrong["rules"]["operator_categories"] = json!(["accredited_operator", "company"]);
    wrong["rules"]["dote_paths"] = json!(["job_placement", "job_placement"]);
    wrong["rules"]["contract_types"] = json!({"A.02.00": "always", "Z.99.99": "never"});
    let others = good["rules"]["other_categories"].as_array().unwrap();
    let company = others.iter().position(|item| item == "company").unwrap();
    let refused = region.post("/v1/calls", wrong).expect(422);
    let expected: BTreeSet<(String, String)> = [
        ("/applications_to", "ends_before_start"),
        ("/activities_to", "ends_before_start"),
        ("/reporting_deadline", "ends_before_start"),
        (format!("/rules/other_categories/{company}").as_str(), "overlaps"),
        ("/rules/dote_paths/1", "repeated_item"),
        ("/rules/contract_types/Z.99.99", "unknown_code"),
    ]
    .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    .into();
    assert_eq!(refused.violations().into_iter().collect::<BTreeSet<_>>(), expected, "{refused}");
    assert_eq!(region.all("/v1/calls").len(), 1, "nothing was stored");
}

#[test]
fn the_form_of_a_call_is_judged_whole() {
    let service = Service::start();
    let region = service.client("region");
    let good = region.post("/v1/calls", call("A-11")).expect(201).json();
    let mut wrong = with(
        &call("a 12"),
        json!({
            "title": "", "allocation_cents": -1, "applications_from": "2012-02-30", "activities_to": "31/12/2013", "alocation_cents": 5,
            "rules": good["rules"],
        }),
    );
    wrong.as_object_mut().unwrap().remove("reporting_deadline");
    wrong["rules"]["min_subjects"] = json!(0);
    wrong["rules"]["operator_categories"] = json!([]);
    wrong["rules"]["other_categories"] = json!(["compani"]);
    wrong["rules"]["placement_min_days"] = json!(1.5);
    wrong["rules"]["max_grant"] = json!(1);
    let refused = region.post("/v1/calls", wrong).expect(422);
    for (pointer, code) in [
        ("/code", "wrong_format"),
        ("/title", "too_short"),
        ("/allocation_cents", "out_of_range"),
        ("/applications_from", "wrong_format"),
        ("/activities_to", "wrong_format"),
        ("/reporting_deadline", "required"),
        ("/alocation_cents", "unknown_field"),
        ("/rules/min_subjects", "out_of_range"),
        ("/rules/operator_categories", "too_few_items"),
        ("/rules/other_categories/0", "unknown_code"),
        ("/rules/placement_min_days", "wrong_type"),
        ("/rules/max_grant", "unknown_field"),
    ] {
        assert!(refused.has(pointer, code), "{pointer} {code}: {refused}");
    }
    assert!(refused.to_string().contains("did you mean `allocation_cents`"), "{refused}");
    assert!(refused.to_string().contains("company"), "a close code is suggested: {refused}");
}

#[test]
fn windows_of_one_day_are_windows() {
    let service = Service::start();
    let day = "2012-09-01";
    let one = json!({"applications_from": day, "applications_to": day, "activities_from": day, "activities_to": day, "reporting_deadline": day});
    let region = service.client("region");
    region.post("/v1/calls", with(&call("A-13"), one)).expect(201);
    assert_eq!(region.all(&format!("/v1/calls?applications_on={day}")).len(), 1);
    assert_eq!(region.all("/v1/calls?applications_on=2012-08-31").len(), 0);
    assert_eq!(region.all("/v1/calls?applications_on=2012-09-02").len(), 0);
}

#[test]
fn calls_are_found_by_code_and_window() {
    let service = Service::start();
    let region = service.client("region");
    for (code, from, to) in [("B-1", "2012-07-01", "2012-09-30"), ("B-2", "2014-01-01", "2014-03-31")] {
        let later = if code == "B-2" {
            json!({"activities_from": "2014-01-01", "activities_to": "2015-12-31", "reporting_deadline": "2016-01-31"})
        } else {
            json!({})
        };
        let body = with(&with(&call(code), json!({"applications_from": from, "applications_to": to})), later);
        region.post("/v1/calls", body).expect(201);
    }
    let operator = service.client("operator-1");
    let codes = |query: &str| -> Vec<String> {
        let found = operator.all(&format!("/v1/calls?{query}"));
        found.iter().map(|item| item["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes("code=B-2"), ["B-2"]);
    assert_eq!(codes("sort=-code"), ["B-2", "B-1"]);
    assert_eq!(codes("applications_on=2012-09-30"), ["B-1"]);
    assert!(codes("applications_on=2012-10-01").is_empty());
    assert_eq!(codes("activities_on=2013-12-31"), ["B-1"]);
    assert_eq!(codes("activities_on=2014-01-01"), ["B-2"]);
    let unknown = operator.get("/v1/calls?applications=2012-07-01").expect(400);
    assert!(unknown.has("applications", "unknown_parameter"), "{unknown}");
    operator.get("/v1/calls?applications_on=2012-02-30").expect(400);
}

#[test]
fn every_rule_is_listed_with_where_it_comes_from_and_examples() {
    let world = World::new();
    let listed = listed(&world);
    assert_eq!(listed.len(), rules::RULES.len());
    for (code, rule) in &listed {
        for text in ["title_en", "title_it", "citation"] {
            assert!(rule[text].as_str().is_some_and(|text| text.len() > 10), "{code} {text}: {rule}");
        }
        assert_ne!(rule["title_en"], rule["title_it"], "{code}");
        let (passing, failing) = (&rule["passing_example"], &rule["failing_example"]);
        assert!(passing.as_object().is_some_and(|facts| !facts.is_empty()), "{code}: {rule}");
        assert!(failing.as_object().is_some_and(|facts| !facts.is_empty()), "{code}: {rule}");
        assert_ne!(passing, failing, "{code}");
        assert!(rule["parameters"].is_object(), "{code}: {rule}");
        assert_eq!((&rule["valid_from"], &rule["valid_to"]), (&json!("2012-07-01"), &json!("2014-06-30")), "{code}");
    }
    // The fourteen invariants, each by at least one rule; what belongs to none is of later editions.
    let invariants: BTreeSet<i64> = listed.values().filter_map(|rule| rule["invariant"].as_i64()).collect();
    assert_eq!(invariants, (1..=14).collect());
    let later: BTreeSet<&str> =
        listed.values().filter(|rule| rule["invariant"].is_null()).map(|rule| rule["code"].as_str().unwrap()).collect();
    assert_eq!(later, LATER.iter().map(|(code, ..)| *code).collect());
    for (code, rule) in &listed {
        assert_eq!(rule["in_force"], json!(!later.contains(code.as_str())), "{code}");
    }
    world.operator.get(&format!("/v1/calls/{}/rules", absent())).expect(404);
}

/// Rules of later editions, what turns each on, and what the list then says of its parameters.
const LATER: &[(&str, &str, i64)] = &[
    (rules::GRANT_MAXIMUM, "max_grant_cents", 20_000_000),
    (rules::PARTNERSHIP_MAX_LIFE, "max_life_months", 12),
    (rules::COHORT_MIN_SIZE, "min_cohort_size", 10),
    (rules::ACCREDITATION_DEFINITIVE, "definitive_accreditation_only", 0),
    (rules::OPERATOR_SITE_IN_LOMBARDY, "operating_site_in_lombardy", 0),
    (rules::COHORT_ONE_CRISIS_COMPANY, "one_crisis_company_per_cohort", 0),
];

#[test]
fn the_call_turns_rules_on_and_sets_their_numbers() {
    let world = World::new();
    for (code, parameter, number) in LATER {
        let value = if *number == 0 { json!(true) } else { json!(number) };
        change_call(&world, json!({"rules": {*parameter: value}})).expect(200);
        let rule = &listed(&world)[*code];
        assert_eq!(rule["in_force"], true, "{code}");
        if *number != 0 {
            assert_eq!(rule["parameters"][parameter], json!(number), "{code}");
        }
    }
    assert!(listed(&world).values().all(|rule| rule["in_force"] == true));
    change_call(&world, json!({"rules": {"max_life_months": null, "min_subjects": 4, "max_daily_minutes": 480}}))
        .expect(200);
    let listed = listed(&world);
    assert_eq!(listed[rules::PARTNERSHIP_MAX_LIFE]["in_force"], false);
    assert_eq!(listed[rules::COMPOSITION_MIN_SUBJECTS]["parameters"]["min_subjects"], 4);
    assert_eq!(listed[rules::COMPOSITION_MIN_SUBJECTS]["failing_example"]["distinct_subjects"], 3);
    assert_eq!(listed[rules::WORKER_DAILY_MINUTES]["parameters"]["max_daily_minutes"], 480);
    assert_eq!(listed[rules::CALL_ALLOCATION]["parameters"]["allocation_cents"], 500_000_000);
}

#[test]
fn a_new_call_has_granted_nothing_and_its_allocation_can_change() {
    let world = World::new();
    assert_eq!(budget(&world), (0, 500_000_000));
    change_call(&world, json!({"allocation_cents": 600_000_000})).expect(200);
    assert_eq!(budget(&world), (0, 600_000_000));
    change_call(&world, json!({"allocation_cents": 0})).expect(200);
    assert_eq!(budget(&world), (0, 0));
    for reader in [&world.operator, &world.dote, &world.auditor] {
        reader.get(&format!("/v1/calls/{}/budget", world.call)).expect(200);
    }
    world.operator.get(&format!("/v1/calls/{}/budget", absent())).expect(404);
}

#[test]
fn a_call_that_partnerships_apply_to_stays() {
    let world = World::new();
    let path = format!("/v1/calls/{}", world.call);
    let version = world.region.get(&path).expect(200).json()["version"].as_i64().unwrap();
    let draft = world.operator.post("/v1/partnerships", world.partnership_body("p-1")).expect(201).id();
    assert_eq!(world.region.delete(&path, version).expect(409).code(), "still_referenced");
    world.operator.delete(&format!("/v1/partnerships/{draft}"), 1).expect(204);
    world.region.delete(&path, version).expect(204);
    let refused = world.operator.post("/v1/partnerships", world.partnership_body("p-2")).expect(422);
    assert!(refused.has("/call", "unknown_reference"), "{refused}");
}

#[test]
fn the_allocation_covers_what_was_granted() {
    let world = World::new();
    let draft = world.draft("p-1", 1);
    step(&world.operator, &draft.id, "submission").expect(200);
    approve(&world, &draft.id, 10_000_000).expect(200);
    assert_eq!(budget(&world), (10_000_000, 490_000_000));
    let refused = change_call(&world, json!({"allocation_cents": 9_999_999})).expect(422);
    assert!(refused.has("/allocation_cents", rules::CALL_ALLOCATION), "{refused}");
    assert_eq!(budget(&world), (10_000_000, 490_000_000));
    change_call(&world, json!({"allocation_cents": 10_000_000})).expect(200);
    assert_eq!(budget(&world), (10_000_000, 0));
}

#[test]
fn a_grant_and_a_lower_allocation_at_once_do_not_both_pass() {
    let world = World::new();
    let path = format!("/v1/calls/{}", world.call);
    for round in 0..6 {
        let draft = world.draft(&format!("p-{round}"), round);
        step(&world.operator, &draft.id, "submission").expect(200);
        change_call(&world, json!({"allocation_cents": 10_000_000 + i64::try_from(round).unwrap()})).expect(200);
        let version = world.region.get(&path).expect(200).json()["version"].as_i64().unwrap();
        let answers = at_once(vec![
            Box::new(|| approve(&world, &draft.id, 10_000_000)),
            Box::new(|| world.region.patch(&path, version, json!({"allocation_cents": 9_999_999}))),
        ]);
        match (answers[0].status, answers[1].status) {
            (200, 422) => {
                assert!(answers[1].has("/allocation_cents", rules::CALL_ALLOCATION), "{}", answers[1]);
                assert_eq!(budget(&world).0, 10_000_000);
                step(&world.operator, &draft.id, "withdrawal").expect(200);
            }
            (409, 200) => {
                assert_eq!(answers[0].code(), "allocation_exceeded");
                assert_eq!(budget(&world), (0, 9_999_999));
            }
            _ => panic!("{} / {}", answers[0], answers[1]),
        }
    }
}
