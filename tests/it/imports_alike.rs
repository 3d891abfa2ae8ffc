//! One implementation, two ways in: the same items get the same verdicts, and leave the same behind, whether they come one by one or
//! as an import, in whatever order.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::imports::{follow, lines, results};
use crate::support::world::{World, worker};

const ORDER: [&str; 5] = ["partnership", "member", "cohort", "participant", "action"];

/// Items of one partnership that is active and others that are not there yet; some wrong, some lacking what they refer to.
fn items(world: &World, active: &str, cohort: &str, worker_id: &str, random: &mut StdRng) -> Vec<Value> {
    let mut items: BTreeMap<(usize, String), Value> = BTreeMap::new();
    for number in 0..40 {
        let kind = ORDER[random.gen_range(0..ORDER.len())];
        let name = format!("{kind}-{}", random.gen_range(0..30));
        let some =
            |random: &mut StdRng, kind: &str| json!({"external_id": format!("{kind}-{}", random.gen_range(0..30))});
        let mut data = match kind {
            "partnership" => world.partnership_body(&name),
            "member" => {
                let mut body = world.member_body(
                    active,
                    &world.others[random.gen_range(0..4)],
                    ["company", "local_authority", "third_sector"][random.gen_range(0..3)],
                );
                if random.gen_bool(0.5) {
                    body["partnership"] = some(random, "partnership");
                }
                body
            }
            "cohort" => {
                let partnership =
                    if random.gen_bool(0.6) { json!({"id": active}) } else { some(random, "partnership") };
                json!({"partnership": partnership, "name": "Gruppo", "crisis_company": {"id": world.others[4]}, "province": "MI"})
            }
            "participant" => {
                let mut body = world.participant_body(cohort, 100 + number);
                body["tax_code"] = json!(worker(200 + random.gen_range(0..20)));
                body["cohort"] = if random.gen_bool(0.6) { json!({"id": cohort}) } else { some(random, "cohort") };
                body
            }
            _ => {
                let day = format!("2012-10-{:02}", random.gen_range(1..9));
                let mut body = world.action_body(active, cohort, worker_id, &day);
                if random.gen_bool(0.4) {
                    body["attendance"][0]["participant"] = some(random, "participant");
                }
                body
            }
        };
        data.as_object_mut().unwrap().remove("external_id");
        if random.gen_bool(0.1) {
            let fields: Vec<String> = data.as_object().unwrap().keys().cloned().collect();
            data[fields.choose(random).unwrap()] = json!({"wrong": true});
        }
        let place = ORDER.iter().position(|one| *one == kind).unwrap();
        items.insert((place, name.clone()), json!({"type": kind, "external_id": name, "data": data}));
    }
    items.into_values().collect()
}

/// What became of an item: its effect, or pointers and codes.
type Verdict = (String, Vec<(String, String)>);

fn one_by_one(world: &World, items: &[Value]) -> BTreeMap<String, Verdict> {
    let mut verdicts = BTreeMap::new();
    for item in items {
        let (kind, name) = (item["type"].as_str().unwrap(), item["external_id"].as_str().unwrap());
        let answer = world.operator.put(&format!("/v1/{kind}s/by-external-id/{name}"), None, item["data"].clone());
        let verdict = match answer.status {
            201 => ("created".to_owned(), Vec::new()),
            200 => ("changed".to_owned(), Vec::new()),
            _ => {
                let json = answer.json();
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let mut errors: Vec<(String, String)> = json["errors"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|error| (text(&error["pointer"]), text(&error["code"])))
                    .collect();
                if errors.is_empty() {
                    errors.push((String::new(), text(&json["code"])));
                }
                errors.sort();
                ("refused".to_owned(), errors)
            }
        };
        verdicts.insert(name.to_owned(), verdict);
    }
    verdicts
}

fn as_an_import(world: &World, items: &[Value], headers: &[(&str, &str)]) -> BTreeMap<String, Verdict> {
    let headers = [&[("content-type", "application/x-ndjson")], headers].concat();
    let answer = world.operator.send("POST", "/v1/imports?wait_days=0", &headers, lines(items));
    let report = if answer.status == 202 {
        follow(&world.operator, answer.header("location").unwrap())
    } else {
        answer.expect(200).json()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    results(&world.operator, &report)
        .iter()
        .map(|result| {
            let mut errors: Vec<(String, String)> = result["errors"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|error| (text(&error["pointer"]), text(&error["code"])))
                .collect();
            errors.sort();
            (text(&result["external_id"]), (text(&result["effect"]), errors))
        })
        .collect()
}

/// All records, without what differs from world to world.
fn left(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for kind in ORDER {
        let mut records = world.operator.all(&format!("/v1/{kind}s"));
        for record in &mut records {
            let record = record.as_object_mut().unwrap();
            record.retain(|name, _| {
                !(name == "id"
                    || name.ends_with("_id") && name != "external_id"
                    || name.ends_with("_at")
                    || name == "attendance")
            });
        }
        records.sort_by_key(ToString::to_string);
        all.extend(records);
    }
    all
}

#[test]
fn items_get_the_same_verdict_on_both_ways() {
    let (mut kept, mut refused) = (0, 0);
    for seed in 0..3 {
        let mut all: Vec<(BTreeMap<String, Verdict>, Vec<Value>)> = Vec::new();
        for way in 0..3 {
            let mut world = World::new();
            let draft = world.active("active", 1);
            world.on("2012-11-05");
            let mut random = StdRng::seed_from_u64(seed);
            let mut items = items(&world, &draft.id, &draft.cohort, &draft.participant, &mut random);
            let verdicts = match way {
                0 => one_by_one(&world, &items),
                // Among items of one kind, who comes first may get what both want: the kinds are mixed, the order within each stays.
                _ => {
                    let mut places: Vec<usize> = (0..items.len()).collect();
                    places.shuffle(&mut random);
                    let mut by_kind: BTreeMap<String, Vec<Value>> = BTreeMap::new();
                    let kinds: Vec<String> =
                        places.iter().map(|place| items[*place]["type"].as_str().unwrap().to_owned()).collect();
                    for item in items.drain(..).rev() {
                        by_kind.entry(item["type"].as_str().unwrap().to_owned()).or_default().push(item);
                    }
                    let mixed: Vec<Value> =
                        kinds.iter().map(|kind| by_kind.get_mut(kind).unwrap().pop().unwrap()).collect();
                    let headers: &[(&str, &str)] = if way == 1 { &[] } else { &[("prefer", "respond-async")] };
                    as_an_import(&world, &mixed, headers)
                }
            };
            all.push((verdicts, left(&world)));
        }
        let (verdicts, records) = &all[0];
        kept += verdicts.values().filter(|(effect, _)| effect == "created").count();
        refused += verdicts.values().filter(|(effect, _)| effect == "refused").count();
        for (other, other_records) in &all[1..] {
            assert_eq!(verdicts, other, "seed {seed}");
            assert_eq!(records, other_records, "seed {seed}");
        }
    }
    assert!(kept > 20 && refused > 20, "{kept} kept, {refused} refused: does this test still try both?");
}
