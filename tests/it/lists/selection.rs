//! `fields` and `embed`, of lists and of single reads.

use serde_json::{Value, json};

use super::ground::Ground;
use super::{KINDS, conforms, names, parameter};
use crate::support::World;

/// The names that a parameter takes, by the document.
fn choices(path: &str, name: &str) -> Vec<String> {
    parameter(path, name).map(|parameter| names(&parameter["schema"]["items"]["enum"])).unwrap_or_default()
}

#[test]
fn fields_cut_records_down_to_what_was_asked_for() {
    let ground = Ground::new();
    let region = &ground.world.region;
    for kind in KINDS {
        let path = format!("/v1/{kind}");
        let whole = region.get(&format!("{path}?limit=1")).expect(200).json()["items"][0].clone();
        let one = format!("{path}/{}", whole["id"].as_str().unwrap());
        let offered = choices(&path, "fields");
        let members: Vec<String> = whole.as_object().unwrap().keys().cloned().collect();
        assert_eq!(offered, members, "{kind}: the document names the members of the record");
        assert_eq!(choices(&format!("{path}/{{id}}"), "fields"), offered);
        for field in &offered {
            let mut wanted = json!({"id": whole["id"], "version": whole["version"]});
            wanted[field] = whole[field].clone();
            let list = region.get(&format!("{path}?limit=1&fields={field}")).expect(200).json();
            assert_eq!(list["items"][0], wanted, "{kind} {field}");
            conforms(&path, &list);
            let answer = region.get(&format!("{one}?fields={field}")).expect(200);
            assert_eq!(answer.header("etag").unwrap(), format!("\"{}\"", whole["version"]));
            assert_eq!(answer.json(), wanted, "{kind} {field}");
            conforms(&format!("{path}/{{id}}"), &answer.json());
        }
        assert_eq!(region.get(&format!("{one}?fields={}", offered.join(","))).expect(200).json(), whole);
        let wrong = region.get(&format!("{one}?fields=id,updated_a")).expect(400);
        assert!(
            wrong.has("fields", "unknown_code") && wrong.to_string().contains("did you mean `updated_at`"),
            "{wrong}"
        );
        assert!(region.get(&format!("{one}?field=id")).expect(400).has("field", "unknown_parameter"));
        assert!(region.get(&format!("{one}?fields=id&fields=version")).expect(400).has("fields", "repeated_parameter"));
        let known = format!("\"{}\"", whole["version"]);
        region.send("GET", &format!("{one}?fields=id"), &[("if-none-match", &known)], "").expect(304);
    }
}

#[test]
fn embedded_records_are_what_a_single_read_shows_the_same_caller() {
    let ground = Ground::new();
    let world = &ground.world;
    let mut tried = 0;
    for client in [&world.region, &world.dote, &world.operator, &world.second] {
        for kind in KINDS {
            let path = format!("/v1/{kind}");
            let offered = choices(&path, "embed");
            assert_eq!(choices(&format!("{path}/{{id}}"), "embed"), offered, "{kind}");
            if offered.is_empty() {
                assert!(client.get(&format!("{path}?embed=call")).expect(400).has("embed", "unknown_parameter"));
                continue;
            }
            conforms(&path, &client.get(&format!("{path}?embed={}", offered.join(","))).expect(200).json());
            let plain = client.all(&path);
            let embedding = client.all(&format!("{path}?limit=2&embed={}", offered.join(",")));
            assert_eq!(plain.len(), embedding.len());
            for (plain, embedding) in plain.iter().zip(&embedding) {
                let mut whole = plain.clone();
                whole["_embedded"] = embedding["_embedded"].clone();
                assert_eq!(&whole, embedding, "{kind}: nothing else changes");
                for name in &offered {
                    let id = &plain[format!("{name}_id")];
                    let shown = &embedding["_embedded"][name];
                    let Some(id) = id.as_str() else {
                        assert_eq!(shown, &Value::Null);
                        continue;
                    };
                    assert_eq!(shown, &client.get(&single(name, id)).expect(200).json(), "{kind} {name}");
                    tried += 1;
                }
                let one = format!("{path}/{}?embed={}", plain["id"].as_str().unwrap(), offered.join(","));
                let answer = client.get(&one).expect(200);
                assert_eq!(answer.header("etag").unwrap(), format!("\"{}\"", plain["version"]));
                assert_eq!(&answer.json(), embedding);
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

fn single(name: &str, id: &str) -> String {
    let kind = match name {
        "lead_organisation" | "operator_organisation" | "performer_organisation" | "crisis_company" => "organisation",
        other => other,
    };
    format!("/v1/{kind}s/{id}")
}

#[test]
fn what_is_embedded_is_as_hidden_as_it_is_alone() {
    let mut world = World::new();
    let draft = world.active("p", 1);
    let member = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    world.operator.post("/v1/members", member).expect(201);
    world.on("2012-12-01");
    let outcome = world.operator.post("/v1/outcomes", world.outcome_body(&draft.participant, 1)).expect(201).id();
    let path = format!("/v1/outcomes/{outcome}?embed=participant");
    let own = world.operator.get(&path).expect(200).json();
    assert!(own["_embedded"]["participant"]["tax_code"].is_string());
    // Another member sees the pseudonym only, whichever way it asks.
    for path in [path.as_str(), "/v1/outcomes?embed=participant"] {
        let answer = world.second.get(path).expect(200);
        let seen = answer.json();
        let seen = seen.get("items").map_or(seen.clone(), |items| items[0].clone());
        assert_eq!(seen["_embedded"]["participant"]["tax_code"], Value::Null);
        assert_eq!(seen["_embedded"]["participant"]["pseudonym"], own["_embedded"]["participant"]["pseudonym"]);
        assert!(!answer.to_string().contains(own["_embedded"]["participant"]["tax_code"].as_str().unwrap()));
    }
    // Fields do not show what is hidden either.
    let asked = world.second.get(&format!("/v1/participants/{}?fields=tax_code", draft.participant)).expect(200).json();
    assert_eq!(asked["tax_code"], Value::Null);
    world.stranger.get(&path).expect(404);
    assert!(world.stranger.all("/v1/outcomes?embed=participant,partnership&fields=id").is_empty());
}

#[test]
fn embedding_takes_the_scope_of_what_is_embedded() {
    let mut world = World::new();
    let draft = world.active("p", 1);
    world.on("2012-12-01");
    let outcome = world.operator.post("/v1/outcomes", world.outcome_body(&draft.participant, 1)).expect(201).id();
    let narrow = world.service.client_with("operator-1", "outcomes.read partnerships.read");
    for path in ["/v1/outcomes".to_owned(), format!("/v1/outcomes/{outcome}")] {
        narrow.get(&format!("{path}?embed=partnership")).expect(200);
        for embed in ["participant", "partnership,participant"] {
            let refused = narrow.get(&format!("{path}?embed={embed}")).expect(403);
            assert_eq!(refused.code(), "insufficient_scope");
            assert!(refused.to_string().contains("`participants.read`"), "{refused}");
            // All that the request takes, not only what is missing.
            let scopes = match embed {
                "participant" => "participants.read outcomes.read",
                _ => "partnerships.read participants.read outcomes.read",
            };
            let challenge = refused.header("www-authenticate").unwrap();
            assert!(challenge.contains(&format!("scope=\"{scopes}\"")), "{challenge}");
        }
        let wrong = narrow.get(&format!("{path}?embed=partner")).expect(400);
        assert!(wrong.has("embed", "unknown_code"), "{wrong}");
    }
    // The auditor reads partnerships and members, but nothing that is personal, by no way round.
    world.auditor.get("/v1/partnerships?embed=call,lead_organisation").expect(200);
    world.auditor.get("/v1/members?embed=partnership,organisation").expect(200);
    world.auditor.get("/v1/outcomes?embed=participant").expect(403);
}

#[test]
fn a_read_that_embeds_is_never_not_modified() {
    let ground = Ground::new();
    let client = &ground.world.operator;
    let path = format!("/v1/actions/{}", ground.first.actions[0]);
    client.send("GET", &path, &[("if-none-match", "\"1\"")], "").expect(304);
    let cohort = format!("/v1/cohorts/{}", ground.first.cohort);
    client.patch(&cohort, 1, json!({"name": "Nuovo nome"})).expect(200);
    let answer = client.send("GET", &format!("{path}?embed=cohort"), &[("if-none-match", "\"1\"")], "").expect(200);
    assert_eq!(answer.json()["_embedded"]["cohort"]["name"], "Nuovo nome");
}
