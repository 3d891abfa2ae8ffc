//! Every filter that the document has, alone and with all others.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::ground::{Ground, verify};
use super::table::{Row, rows};
use super::{KINDS, documented_filters, documented_sorts, ids};
use crate::support::World;
use crate::support::service::Client;

fn expected(rows: &[&Row], items: &[Value]) -> BTreeSet<String> {
    items
        .iter()
        .filter(|item| rows.iter().all(|row| (row.finds)(item)))
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

fn found(client: &Client, path: &str) -> BTreeSet<String> {
    let items = client.all(path);
    let found: BTreeSet<String> = ids(&items).into_iter().collect();
    assert_eq!(found.len(), items.len(), "{path} shows something twice");
    found
}

#[test]
fn every_documented_filter_finds_what_it_says_and_nothing_else() {
    let mut ground = Ground::new();
    verify(&mut ground);
    let region = &ground.world.region;
    for kind in KINDS {
        let items = region.all(&format!("/v1/{kind}"));
        let rows = rows(&ground, kind, &items);
        for filter in documented_filters(kind) {
            let tried: Vec<&Row> = rows.iter().filter(|row| row.filter == filter).collect();
            let counts: Vec<usize> = tried.iter().map(|row| expected(&[*row], &items).len()).collect();
            // The sector of members has a test of its own, and what was has `revisions.rs`.
            let elsewhere = [("members", "sector"), ("outcomes", "as_known_at"), ("outcomes", "as_of")];
            if elsewhere.contains(&(kind, filter.as_str())) {
                continue;
            }
            let finds = counts.iter().any(|count| *count > 0);
            assert!(finds, "{kind}: no value of {filter} finds anything");
            assert!(
                counts.iter().any(|count| *count < items.len()),
                "{kind}: every value of {filter} finds everything"
            );
        }
        for row in &rows {
            assert!(documented_filters(kind).contains(row.filter), "{kind}: {} is not documented", row.filter);
            let path = format!("/v1/{kind}?limit=2&{}={}", row.filter, row.value);
            assert_eq!(found(region, &path), expected(&[row], &items), "{path}");
        }
    }
}

#[test]
fn all_filters_go_together_in_every_order() {
    let mut ground = Ground::new();
    verify(&mut ground);
    let region = &ground.world.region;
    for kind in KINDS {
        let items = region.all(&format!("/v1/{kind}"));
        let rows = rows(&ground, kind, &items);
        // For each record, a value of every filter that finds it.
        for item in &items {
            let mut fitting: Vec<&Row> = Vec::new();
            for row in rows.iter().filter(|row| (row.finds)(item)) {
                if fitting.iter().all(|other| other.filter != row.filter) {
                    fitting.push(row);
                }
            }
            assert!(fitting.len() > 4, "{kind}");
            let query: Vec<String> = fitting.iter().map(|row| format!("{}={}", row.filter, row.value)).collect();
            let wanted = expected(&fitting, &items);
            assert!(wanted.contains(item["id"].as_str().unwrap()));
            for sort in documented_sorts(kind) {
                let path = format!("/v1/{kind}?{}&sort={sort}&limit=1", query.join("&"));
                assert_eq!(found(region, &path), wanted, "{path}");
            }
        }
        // And pairs, most of which exclude each other.
        for (at, one) in rows.iter().enumerate() {
            let Some(other) = rows.iter().cycle().skip(at + 7).find(|other| stem(other) != stem(one)) else {
                continue;
            };
            let path = format!("/v1/{kind}?{}={}&{}={}", one.filter, one.value, other.filter, other.value);
            assert_eq!(found(region, &path), expected(&[one, other], &items), "{path}");
        }
    }
}

/// What a filter is about: both bounds of a period are about the same, and refused where they are turned round.
fn stem(row: &Row) -> &str {
    let name = row.filter;
    ["_from", "_to", "_since", "_until"].into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

#[test]
fn filters_and_orders_show_nobody_more_than_there_is_to_see() {
    let mut ground = Ground::new();
    verify(&mut ground);
    let world = &ground.world;
    for kind in &KINDS[2..] {
        let all = world.region.all(&format!("/v1/{kind}"));
        let rows = rows(&ground, kind, &all);
        for (client, network) in [(&world.operator, &ground.first), (&world.second, &ground.second)] {
            let own = |item: &Value| item["partnership_id"] == *network.id || item["id"] == *network.id;
            let seen: Vec<Value> = all.iter().filter(|item| own(item)).cloned().collect();
            assert!(!seen.is_empty() && seen.len() < all.len(), "{kind}");
            for row in &rows {
                let path = format!("/v1/{kind}?{}={}", row.filter, row.value);
                assert_eq!(found(client, &path), expected(&[row], &seen), "{path}");
            }
            for sort in documented_sorts(kind) {
                let path = format!("/v1/{kind}?sort={sort}&limit=1");
                assert_eq!(found(client, &path), expected(&[], &seen), "{path}");
            }
        }
    }
}

#[test]
fn a_sector_of_a_member_is_that_of_its_organisation() {
    let world = World::new();
    let draft = world.draft("p", 1);
    let company = json!({"name": "Tessile", "ateco": "13.20.00", "tax_code": ricolloca::identifiers::synthetic::organisation(1_300_000, 15).as_str()});
    let company = world.region.post("/v1/organisations", company).expect(201).id();
    let member = world.operator.post("/v1/members", world.member_body(&draft.id, &company, "company")).expect(201).id();
    for (sector, number) in [("13", 1), ("C", 1), ("13.20.00,25", 1), ("13.3", 0), ("62", 0)] {
        let items = world.operator.all(&format!("/v1/members?sector={sector}"));
        assert_eq!(items.len(), number, "{sector}");
        assert!(items.iter().all(|item| item["id"] == *member));
    }
    assert_eq!(world.operator.all("/v1/members?province=MI").len(), 3, "neither this company nor the lead has a seat");
}

#[test]
fn what_filters_refuse() {
    let world = World::new();
    let region = &world.region;
    for (path, name, code, said) in [
        ("partnerships?state=activ", "state", "unknown_code", "did you mean `active`"),
        ("partnerships?state=active,approvd", "state", "unknown_code", "did you mean `approved`"),
        ("partnerships?state=", "state", "unknown_code", ""),
        ("partnerships?state=active,", "state", "unknown_code", ""),
        ("partnerships?province=mi", "province", "unknown_code", "did you mean `MI`"),
        ("cohorts?province=XX", "province", "unknown_code", "allowed are: "),
        ("cohorts?sector=99.98", "sector", "unknown_code", ""),
        ("cohorts?sector=25.11.0x", "sector", "unknown_code", "did you mean"),
        ("outcomes?contract_type=A.02.0", "contract_type", "unknown_code", "did you mean `A.02.00`"),
        ("actions?municipality=999999", "municipality", "unknown_code", ""),
        ("organisations?legal_form=1.3.2", "legal_form", "unknown_code", "did you mean"),
        ("organisations?tax_code=99999910153,VRFLFA70A01F205B", "tax_code", "wrong_format", ""),
        ("actions?cohort=1", "cohort", "wrong_format", ""),
        ("actions?planned_from=2013-01-02&planned_to=2013-01-01", "planned_to", "ends_before_start", "`planned_from`"),
        (
            "calls?created_since=2013-01-01T00:00:00.5Z&created_until=2013-01-01T00:00:00Z",
            "created_until",
            "ends_before_start",
            "",
        ),
        (
            "calls?updated_since=2013-01-01T00:00:00Z&updated_until=2013-01-01T00:30:00%2B01:00",
            "updated_until",
            "ends_before_start",
            "",
        ),
        (
            "calls?reporting_deadline_from=soon&reporting_deadline_to=2013-01-01",
            "reporting_deadline_from",
            "wrong_format",
            "",
        ),
        ("participants?statuss=cigs", "statuss", "unknown_parameter", ""),
        ("participants?entry_statuss=cigs", "entry_statuss", "unknown_parameter", "did you mean `entry_status`"),
        ("participants?field=id", "field", "unknown_parameter", "did you mean `fields`"),
        ("participants?tax_code=VRFLFA70A01F205B", "tax_code", "unknown_parameter", ""),
    ] {
        let answer = region.get(&format!("/v1/{path}")).expect(400);
        assert!(answer.has(name, code), "{path}: {answer}");
        assert!(answer.to_string().contains(said), "{path}: {answer}");
        assert!(!answer.to_string().contains("VRFLFA"), "{answer}");
        let told: Vec<_> = answer.violations().into_iter().filter(|(pointer, _)| pointer == name).collect();
        assert!(told.len() == 1 || code == "wrong_format", "{path}: one fault is told once: {answer}");
    }
    let many = vec!["01890000-0000-7000-8000-000000000000"; 101].join(",");
    assert!(region.get(&format!("/v1/calls?id={many}")).expect(400).has("id", "too_many_items"));
    let many = vec!["01890000-0000-7000-8000-000000000000"; 100].join(",");
    assert_eq!(region.get(&format!("/v1/calls?id={many}")).expect(200).json()["items"], json!([]));
    // One day, one instant: both ends are included.
    region.get("/v1/actions?planned_from=2013-01-01&planned_to=2013-01-01").expect(200);
    region.get("/v1/calls?created_since=2013-01-01T00:00:00Z&created_until=2013-01-01T01:00:00%2B01:00").expect(200);
    // All that is wrong is told at once.
    let answer = region
        .get("/v1/actions?sort=x&limit=0&kind=x&fields=x&embed=x&planned_from=2013-01-02&planned_to=2013-01-01")
        .expect(400);
    assert_eq!(answer.violations().len(), 6, "{answer}");
}
