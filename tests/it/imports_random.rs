//! Random items, deletions and rectifications among them, end one by one as they do in an import, at once or later: the same
//! verdicts, the same records. `imports_alike` tells the same of new records only.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::imports::{delete, lines, results, send, write};
use crate::imports_abuse::{ASYNC, report};
use crate::support::http::Answer;
use crate::support::world::{Draft, World, worker};

const ORDER: [&str; 5] = ["partnership", "member", "cohort", "participant", "action"];

/// Names of each kind: few, so that items have to do with each other.
const NAMES: usize = 12;

struct Ground {
    world: World,
    draft: Draft,
}

fn name(kind: &str, number: usize) -> String {
    format!("{kind}-{number}")
}

impl Ground {
    /// An active partnership, and half of the names taken by records.
    fn new() -> Self {
        let mut world = World::new();
        let draft = world.active("active", 1);
        world.on("2012-11-05");
        let ground = Self { world, draft };
        let mut random = StdRng::seed_from_u64(99);
        let before: Vec<Value> = ORDER
            .iter()
            .flat_map(|kind| (0..NAMES / 2).map(|number| (*kind, number)).collect::<Vec<_>>())
            .map(|(kind, number)| write(kind, &name(kind, number), &ground.data(kind, number, &mut random, false)))
            .collect();
        send(&ground.world.operator, "?wait_days=0", &before).expect(200);
        ground
    }

    fn data(&self, kind: &str, number: usize, random: &mut StdRng, wild: bool) -> Value {
        let some = |random: &mut StdRng, kind: &str| json!({"external_id": name(kind, random.gen_range(0..NAMES))});
        let own = |random: &mut StdRng| wild && random.gen_bool(0.4);
        let (world, draft) = (&self.world, &self.draft);
        let mut data = match kind {
            "partnership" => {
                let mut body = world.partnership_body(&name(kind, number));
                body["title"] = json!(format!("Title {}", random.gen_range(0..3)));
                body
            }
            "member" => {
                let mut body = world.member_body(&draft.id, &world.others[random.gen_range(0..4)], "company");
                body["partnership"] = some(random, "partnership");
                body
            }
            "cohort" => {
                let partnership = if own(random) { some(random, "partnership") } else { json!({"id": draft.id}) };
                json!({"partnership": partnership, "name": format!("Gruppo {}", random.gen_range(0..3)),
                    "crisis_company": {"id": world.others[4]}, "province": "MI"})
            }
            "participant" => {
                let mut body = world.participant_body(&draft.cohort, 100 + number);
                body["tax_code"] = json!(worker(200 + number));
                if own(random) {
                    body["cohort"] = some(random, "cohort");
                }
                body
            }
            _ => {
                let day = format!("2012-10-{:02}", random.gen_range(1..20));
                let mut body = world.action_body(&draft.id, &draft.cohort, &draft.participant, &day);
                if own(random) {
                    body["attendance"][0]["participant"] = some(random, "participant");
                }
                if wild && random.gen_bool(0.2) {
                    body["rectifies"] = some(random, "action");
                }
                body
            }
        };
        data.as_object_mut().unwrap().remove("external_id");
        data
    }

    /// Items in the order in which the guide says they are carried out: deletions, children first, then what is written.
    fn items(&self, seed: u64) -> Vec<Value> {
        let mut random = StdRng::seed_from_u64(seed);
        let (mut deletions, mut writes) = (Vec::new(), Vec::new());
        for kind in ORDER {
            let mut numbers: Vec<usize> = (0..NAMES).collect();
            numbers.shuffle(&mut random);
            for number in numbers.into_iter().take(NAMES * 3 / 4) {
                let name = name(kind, number);
                if random.gen_bool(0.25) {
                    deletions.push(delete(kind, &name));
                    continue;
                }
                let mut data = self.data(kind, number, &mut random, true);
                if random.gen_bool(0.1) {
                    let fields: Vec<String> = data.as_object().unwrap().keys().cloned().collect();
                    data[fields.choose(&mut random).unwrap()] = json!({"wrong": true});
                }
                writes.push(write(kind, &name, &data));
            }
        }
        let place = |item: &Value| ORDER.iter().position(|kind| item["type"] == *kind).unwrap();
        deletions.sort_by_key(|item| std::cmp::Reverse(place(item)));
        deletions.into_iter().chain(writes).collect()
    }

    fn single(&self, item: &Value) -> Verdict {
        let (kind, name) = (item["type"].as_str().unwrap(), item["external_id"].as_str().unwrap());
        let client = &self.world.operator;
        if item["delete"] == true {
            let all = client.all(&format!("/v1/{kind}s"));
            let Some(found) = all.iter().find(|record| record["external_id"] == name) else {
                return ("refused".to_owned(), vec![(String::new(), "not_found".to_owned())]);
            };
            let path = format!("/v1/{kind}s/{}", found["id"].as_str().unwrap());
            return verdict(&client.delete(&path, found["version"].as_i64().unwrap()));
        }
        verdict(&client.put(&format!("/v1/{kind}s/by-external-id/{name}"), None, item["data"].clone()))
    }

    fn one_by_one(&self, items: &[Value]) -> BTreeMap<String, Verdict> {
        let mut verdicts: BTreeMap<String, Verdict> = BTreeMap::new();
        for item in items {
            verdicts.insert(item["external_id"].as_str().unwrap().to_owned(), self.single(item));
        }
        // What refers to its own kind may stand before what it refers to; what stood against a deletion may be gone.
        for code in ["unknown_reference", "still_referenced"] {
            for item in items {
                let name = item["external_id"].as_str().unwrap();
                let failed = verdicts[name].1.iter().any(|(_, one)| one == code);
                if failed && (code == "still_referenced" || item["data"].get("rectifies").is_some()) {
                    verdicts.insert(name.to_owned(), self.single(item));
                }
            }
        }
        verdicts
    }

    fn as_an_import(&self, items: &[Value], headers: &[(&str, &str)]) -> BTreeMap<String, Verdict> {
        let client = &self.world.operator;
        let report = report(client, "?wait_days=0", headers, lines(items));
        results(client, &report)
            .iter()
            .map(|one| {
                let effect = one["effect"].as_str().unwrap().to_owned();
                (one["external_id"].as_str().unwrap().to_owned(), (effect, errors(&one["errors"])))
            })
            .collect()
    }

    /// All records, without what differs from world to world.
    fn left(&self) -> Vec<String> {
        let mut all = Vec::new();
        for kind in ORDER {
            let mut records = self.world.operator.all(&format!("/v1/{kind}s"));
            records.iter_mut().for_each(strip);
            all.extend(records.iter().map(|record| format!("{kind} {record}")));
        }
        all.sort();
        all
    }
}

/// Leaves out ids, times and links.
fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| {
                name == "external_id"
                    || !(name == "id" || name == "_links" || name.ends_with("_id") || name.ends_with("_at"))
            });
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// What became of an item: its effect, and pointers and codes.
type Verdict = (String, Vec<(String, String)>);

fn errors(errors: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<(String, String)> =
        errors.as_array().into_iter().flatten().map(|one| (text(&one["pointer"]), text(&one["code"]))).collect();
    all.sort();
    all
}

fn verdict(answer: &Answer) -> Verdict {
    match answer.status {
        201 => ("created".to_owned(), Vec::new()),
        200 => ("written".to_owned(), Vec::new()),
        204 => ("deleted".to_owned(), Vec::new()),
        _ => {
            let json = answer.json();
            let mut all = errors(&json["errors"]);
            if all.is_empty() {
                all.push((String::new(), json["code"].as_str().unwrap().to_owned()));
            }
            ("refused".to_owned(), all)
        }
    }
}

#[test]
fn random_items_end_alike_on_every_way() {
    let mut effects: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..4 {
        let ground = Ground::new();
        let expected = ground.one_by_one(&ground.items(seed));
        let left = ground.left();
        drop(ground);
        for headers in [&[][..], &[ASYNC]] {
            let ground = Ground::new();
            let items = ground.items(seed);
            // Kinds, and deletions among them, come in any order; those of one kind keep theirs, since who comes first gets what both
            // want.
            let mut groups: BTreeMap<(String, bool), Vec<Value>> = BTreeMap::new();
            for item in items {
                let key = (item["type"].as_str().unwrap().to_owned(), item["delete"] == true);
                groups.entry(key).or_default().insert(0, item);
            }
            let mut keys: Vec<(String, bool)> =
                groups.iter().flat_map(|(key, items)| vec![key.clone(); items.len()]).collect();
            keys.shuffle(&mut StdRng::seed_from_u64(seed + 1000));
            let mixed: Vec<Value> = keys.iter().map(|key| groups.get_mut(key).unwrap().pop().unwrap()).collect();
            let mut found = ground.as_an_import(&mixed, headers);
            for (effect, _) in found.values_mut() {
                *effects.entry(effect.clone()).or_default() += 1;
                if ["changed", "unchanged"].contains(&effect.as_str()) {
                    // A single request's answer does not tell these two apart.
                    "written".clone_into(effect);
                }
            }
            for (name, verdict) in &expected {
                assert_eq!(found.get(name), Some(verdict), "seed {seed}, {headers:?}, {name}");
            }
            assert_eq!(found.len(), expected.len());
            assert_eq!(ground.left(), left, "seed {seed}, {headers:?}");
        }
    }
    for effect in ["created", "changed", "deleted", "refused"] {
        assert!(effects.get(effect).copied().unwrap_or_default() > 10, "does this test still try all? {effects:?}");
    }
}
