//! Pages: each record once, in the order asked for, whatever else happens meanwhile.

use std::collections::BTreeMap;

use ricolloca::identifiers::synthetic;
use serde_json::{Value, json};

use super::ground::Ground;
use super::{KINDS, documented_sorts, ids};
use crate::support::Service;

/// The value that a list is ordered by. Texts are ordered by the database's collation, which is not asserted here.
fn key<'a>(item: &'a Value, sort: &str) -> Option<&'a str> {
    match sort.trim_start_matches('-') {
        "name" | "title" | "code" => None,
        "dote_valid_to" => item["dote"]["valid_to"].as_str(),
        member => Some(item[member].as_str().unwrap()),
    }
}

#[test]
fn pages_of_one_make_the_whole_list_in_every_order() {
    let ground = Ground::new();
    for client in [&ground.world.region, &ground.world.operator] {
        for kind in KINDS {
            let everything = client.all(&format!("/v1/{kind}?limit=200"));
            for sort in documented_sorts(kind) {
                let whole = client.get(&format!("/v1/{kind}?limit=200&sort={sort}")).expect(200).json();
                let whole = whole["items"].as_array().unwrap().clone();
                assert_eq!(whole.len(), everything.len(), "{kind} by {sort}: something is left out");
                assert_eq!(client.all(&format!("/v1/{kind}?limit=1&sort={sort}")), whole, "{kind} by {sort}");
                let mut turned = client.all(&format!("/v1/{kind}?limit=2&sort={}", opposite(&sort)));
                turned.reverse();
                assert_eq!(turned, whole, "{kind} by {sort} is not the other direction turned round");
                let keys: Vec<(&str, &str)> =
                    whole.iter().filter_map(|item| Some((key(item, &sort)?, item["id"].as_str().unwrap()))).collect();
                let ordered = if sort.starts_with('-') {
                    keys.is_sorted_by(|one, next| one > next)
                } else {
                    keys.is_sorted_by(|one, next| one < next)
                };
                assert!(ordered, "{kind} by {sort}: {keys:?}");
            }
        }
    }
}

fn opposite(sort: &str) -> String {
    sort.strip_prefix('-').map_or_else(|| format!("-{sort}"), str::to_owned)
}

#[test]
fn what_stays_is_shown_once_while_other_records_come_and_go() {
    for sort in ["created_at", "-created_at", "name", "-name"] {
        let service = Service::start();
        let region = service.client("region");
        let make = |serial: u32| {
            // Names fall before, among and behind each other.
            let name = format!("{} {serial}", ["Alfa", "Mensa", "Zeta"][serial as usize % 3]);
            let code = synthetic::organisation(1_400_000 + serial, 15);
            let made =
                region.post("/v1/organisations", json!({"name": name, "tax_code": code.as_str(), "ateco": "25.11.00"}));
            made.expect(201).id()
        };
        let made: Vec<String> = (0..24).map(make).collect();
        let (goes, stays): (Vec<_>, Vec<_>) = made.iter().enumerate().partition(|(place, _)| place % 4 == 1);
        let mut goes: Vec<&String> = goes.into_iter().map(|(_, id)| id).collect();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut next = Some(format!("/v1/organisations?sector=25&limit=3&sort={sort}"));
        let mut serial = 100;
        while let Some(path) = next {
            let page = region.get(&path).expect(200).json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 3);
            for id in ids(items) {
                *seen.entry(id).or_default() += 1;
            }
            // Deletes what was shown already and what was not yet, the place where the page ended too; adds on all sides.
            if let Some(last) = items.last()
                && goes.len() > 2
            {
                let place = goes.iter().position(|id| last["id"] == ***id).unwrap_or(goes.len() / 2);
                region.delete(&format!("/v1/organisations/{}", goes.remove(place)), 1).expect(204);
            }
            if serial < 112 {
                make(serial);
                serial += 1;
            }
            next = page["_links"]["next"].as_str().map(str::to_owned);
        }
        for (place, id) in stays {
            assert_eq!(seen.get(id), Some(&1), "{sort}: record {place}");
        }
        assert!(seen.values().all(|times| *times == 1), "{sort}: {seen:?}");
    }
}

#[test]
fn the_next_page_keeps_all_that_was_asked_for() {
    let ground = Ground::new();
    let client = &ground.world.region;
    let path = "/v1/members?limit=2&category=company,third_sector&fields=category,joined_on&embed=organisation&sort=-joined_on";
    let next = client.get(path).expect(200).json()["_links"]["next"].as_str().unwrap().to_owned();
    for kept in [
        "limit=2",
        "category=company,third_sector",
        "fields=category,joined_on",
        "embed=organisation",
        "sort=-joined_on",
    ] {
        assert!(next.contains(kept), "{kept}: {next}");
    }
    let items = client.all(path);
    assert_eq!(items.len(), 4);
    for item in &items {
        let members: Vec<&String> = item.as_object().unwrap().keys().collect();
        assert_eq!(members, ["_embedded", "category", "id", "joined_on", "version"]);
    }
    for changed in
        [next.replace("category=company,third_sector", "category=company"), next.replace("fields=category,", "fields=")]
    {
        assert_eq!(client.get(&changed).expect(400).code(), "invalid_cursor", "{changed}");
    }
}
