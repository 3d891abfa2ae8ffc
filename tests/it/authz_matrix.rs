//! Who may do what, for every operation of the document: without a token, with a bad one, with one that has expired, without
//! the scope, for a record of another organisation, and rightly. An operation that this file does not know fails it.

use std::collections::BTreeMap;

use ricolloca::identity::scopes::{Role, SCOPES, ScopeSet};
use serde_json::{Value, json};

use crate::openapi::operations;
use crate::support::http::Answer;
use crate::support::service::Client;
use crate::support::world::{Draft, World, instant};

/// Open to all. The list may only shrink, or somebody has to say why here.
const OPEN: &[(&str, &str)] = &[
    ("list_signing_keys", "public keys are public"),
    ("list_vocabularies", "public reference data"),
    ("list_vocabulary_entries", "public reference data"),
    ("obtain_token", "whoever has no token yet"),
    ("show_authorization_server", "says how tokens are obtained"),
    ("show_liveness", "load balancers have no token"),
    ("show_probing", "PDND probes it without a token"),
    ("show_protected_resource", "says what they are good for"),
    ("show_readiness", "load balancers have no token"),
    ("show_status", "ModI asks for it"),
    ("show_vocabulary", "public reference data"),
];

/// Operations on one record whose kind every client may read: there is no foreign one.
const SHARED: &[&str] = &["organisations", "calls"];

pub struct Operation {
    pub id: String,
    method: String,
    pub path: String,
    scope: Option<String>,
    example: Option<Value>,
    media: String,
}

pub fn matrix() -> Vec<Operation> {
    operations()
        .into_iter()
        .map(|(path, method, operation)| {
            let scope = operation["security"][0]["oauth2"][0].as_str().map(str::to_owned);
            let content = operation["requestBody"]["content"].as_object();
            let (media, body) = content
                .and_then(|content| content.iter().next())
                .map_or(("application/json".to_owned(), Value::Null), |(media, body)| (media.clone(), body.clone()));
            let example = body.get("example").cloned();
            Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path,
                scope,
                example,
                media,
            }
        })
        .collect()
}

impl Operation {
    fn send(&self, client: &Client, id: &str) -> Answer {
        self.send_with(client, id, &[("if-match", "*")])
    }

    pub fn send_with(&self, client: &Client, id: &str, headers: &[(&str, &str)]) -> Answer {
        let path = self.path.replace("{id}", id).replace("{external_id}", "matrix").replace("{name}", "provinces");
        let body = match (&self.example, self.method.as_str()) {
            (Some(example), _) => example.to_string(),
            (None, "GET" | "DELETE") => String::new(),
            (None, _) => "{}".to_owned(),
        };
        client.send(&self.method, &path, &[&[("content-type", self.media.as_str())], headers].concat(), body)
    }

    fn scope(&self) -> &str {
        self.scope.as_deref().unwrap_or_default()
    }
}

#[test]
fn the_open_operations_are_the_ones_listed() {
    let open: Vec<String> =
        matrix().into_iter().filter(|operation| operation.scope.is_none()).map(|operation| operation.id).collect();
    let mut open: Vec<&str> = open.iter().map(String::as_str).collect();
    open.sort_unstable();
    assert_eq!(
        open,
        OPEN.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        "state the scope by type, or add the operation here with the reason"
    );
}

#[test]
fn without_a_valid_token_nothing_is_done() {
    let world = World::new();
    let real = world.operator.token.clone().unwrap();
    let (head, rest) = real.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let bad = [
        "nonsense".to_owned(),
        String::new(),
        format!("{head}.{claims}."),
        format!("{head}.{claims}.{}", signature.chars().rev().collect::<String>()),
        format!("{claims}.{head}.{signature}"),
        format!("{real}x"),
    ];
    for operation in matrix().iter().filter(|operation| operation.scope.is_some()) {
        let answer = operation.send(&world.service.anonymous(), NOWHERE);
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{}", operation.id);
        assert!(
            answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer")),
            "{}",
            operation.id
        );
        for token in &bad {
            assert_eq!(
                operation.send(&world.service.bearer(token), NOWHERE).expect(401).code(),
                "unauthenticated",
                "{}",
                operation.id
            );
        }
    }
    world.service.clock.set(instant("2012-07-11"));
    for operation in matrix().iter().filter(|operation| operation.scope.is_some()) {
        assert_eq!(
            operation.send(&world.operator, NOWHERE).expect(401).code(),
            "unauthenticated",
            "expired: {}",
            operation.id
        );
    }
}

pub const NOWHERE: &str = "01890000-0000-7000-8000-000000000000";

#[test]
fn a_token_without_the_scope_is_refused_whatever_the_role() {
    let world = World::new();
    let roles =
        [(Role::Operator, "operator-1"), (Role::Region, "region"), (Role::Dote, "dote"), (Role::Auditor, "auditor")];
    for (role, client) in roles {
        let all = ScopeSet::of_role(role).to_list();
        let mut clients: BTreeMap<String, Client> = BTreeMap::new();
        for operation in matrix().iter().filter(|operation| operation.scope.is_some()) {
            let others: Vec<&str> = all.split(' ').filter(|scope| *scope != operation.scope()).collect();
            let scopes = others.join(" ");
            let client = clients.entry(scopes.clone()).or_insert_with(|| world.service.client_with(client, &scopes));
            let answer = operation.send(client, NOWHERE);
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "insufficient_scope"),
                "{role} {}: {answer}",
                operation.id
            );
            assert!(answer.to_string().contains(operation.scope()), "{answer}");
            assert_eq!(challenged(&answer), operation.scope(), "{}", operation.id);
        }
    }
}

/// The scopes in the challenge of a refusal (RFC 6750, section 3.1).
fn challenged(answer: &Answer) -> String {
    let challenge = answer.header("www-authenticate").unwrap_or_else(|| panic!("no challenge: {answer}"));
    assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    let scopes = challenge.split_once(" scope=\"").and_then(|(_, rest)| rest.split_once('"'));
    scopes.unwrap_or_else(|| panic!("no scopes: {challenge}")).0.to_owned()
}

#[test]
fn a_token_with_the_scopes_of_the_challenge_is_good_for_the_request() {
    let world = World::new();
    let poor = world.service.client_with("operator-1", "calls.read changes.read");
    assert_eq!(challenged(&poor.get("/v1/members").expect(403)), "members.read");
    // What is asked for along with it takes scopes of its own.
    let embedding = "/v1/members?embed=partnership,organisation";
    let member = world.service.client_with("operator-1", "members.read");
    let needed = challenged(&member.get(embedding).expect(403));
    assert_eq!(needed, "organisations.read partnerships.read members.read");
    world.service.client_with("operator-1", &needed).get(embedding).expect(200);
    let feed = "/v1/changes?types=call,participant,action";
    let needed = challenged(&poor.get(feed).expect(403));
    assert_eq!(needed, "calls.read participants.read actions.read changes.read");
    world.service.client_with("operator-1", &needed).get(feed).expect(200);
    // Of a refusal that no token would change nothing of the kind is said.
    let draft = world.draft("p", 1);
    let member = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    world.operator.post("/v1/members", member).expect(201);
    let refused = world.second.delete(&format!("/v1/cohorts/{}", draft.cohort), 1).expect(403);
    assert_eq!((refused.code().as_str(), refused.header("www-authenticate")), ("not_yours", None));
}

#[test]
fn a_role_gets_no_scope_that_the_table_does_not_give_it() {
    let world = World::new();
    for (role, client) in
        [(Role::Operator, "operator-1"), (Role::Region, "region"), (Role::Dote, "dote"), (Role::Auditor, "auditor")]
    {
        for scope in SCOPES {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", client),
                ("client_secret", "secret"),
                ("scope", scope.name),
            ];
            let expected = if scope.roles.contains(&role) { 200 } else { 400 };
            assert_eq!(world.service.token(&form).status, expected, "{role} {}", scope.name);
        }
    }
}

/// One record of each kind in an active partnership of operator-1.
pub fn records(world: &mut World) -> BTreeMap<&'static str, String> {
    let Draft { id, members, cohort, participant } = world.active("matrix", 1);
    world.on("2012-11-05");
    let action = world.action_body(&id, &cohort, &participant, "2012-10-01");
    let action = world.operator.post("/v1/actions", action).expect(201).id();
    let outcome = world.operator.post("/v1/outcomes", world.outcome_body(&participant, 1)).expect(201).id();
    let line = r#"{"type":"cohort","external_id":"absent","delete":true}"#;
    let import = world.operator.send("POST", "/v1/imports", &[("content-type", "application/x-ndjson")], line);
    let import = import.expect(200).id();
    BTreeMap::from([
        ("organisations", world.others[0].clone()),
        ("calls", world.call.clone()),
        ("partnerships", id),
        ("members", members[1].clone()),
        ("cohorts", cohort),
        ("participants", participant),
        ("actions", action),
        ("outcomes", outcome),
        ("imports", import),
    ])
}

/// The body without what differs from request to request.
pub fn plain(body: &Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().remove("instance");
    body
}

#[test]
fn a_record_of_others_is_answered_like_one_that_does_not_exist() {
    let mut world = World::new();
    let records = records(&mut world);
    let mut operations: Vec<Operation> =
        matrix().into_iter().filter(|operation| operation.path.contains("{id}")).collect();
    // What is deleted is gone for the others.
    operations.sort_by_key(|operation| operation.method == "DELETE");
    for operation in operations {
        let kind = operation.path.split('/').nth(2).unwrap();
        let id = records.get(kind).unwrap_or_else(|| panic!("{}: add a record of {kind}", operation.id));
        let scope = SCOPES.iter().find(|scope| scope.name == operation.scope()).unwrap();
        if SHARED.contains(&kind) || !scope.roles.contains(&Role::Operator) {
            continue;
        }
        let foreign = operation.send(&world.stranger, id);
        let absent = operation.send(&world.stranger, NOWHERE);
        assert_eq!((foreign.status, foreign.code().as_str()), (404, "not_found"), "{}: {foreign}", operation.id);
        assert_eq!(plain(&foreign.json()), plain(&absent.json()), "{}", operation.id);
        let right = operation.send(&world.operator, id);
        assert!(![401, 403, 404].contains(&right.status), "{}: the lead itself gets {right}", operation.id);
    }
}

/// With all the scopes of a role every operation that its scopes admit gets past the token, whatever then becomes of it.
#[test]
fn every_operation_is_open_to_every_role_that_has_its_scope() {
    let mut world = World::new();
    let records = records(&mut world);
    let clients = [
        (Role::Operator, &world.operator),
        (Role::Region, &world.region),
        (Role::Dote, &world.dote),
        (Role::Auditor, &world.auditor),
    ];
    let mut operations = matrix();
    // What is deleted is gone for the others.
    operations.sort_by_key(|operation| operation.method == "DELETE");
    let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
    for operation in operations.iter().filter(|operation| operation.scope.is_some()) {
        let scope = SCOPES.iter().find(|scope| scope.name == operation.scope());
        let scope = scope.unwrap_or_else(|| panic!("{}: {} is not in the table", operation.id, operation.scope()));
        // A record, where it is about one: what may come after the look at the token is not kept from coming.
        let kind = operation.path.split('/').nth(2).unwrap();
        let id = records.get(kind).map_or(NOWHERE, String::as_str);
        for (role, client) in clients.iter().filter(|(role, _)| scope.roles.contains(role)) {
            let answer = operation.send(client, id);
            let refused = answer.status == 401 || answer.status == 403 && answer.code() == "insufficient_scope";
            assert!(!refused, "{role} {}: {answer}", operation.id);
            *tried.entry(role.as_str()).or_insert(0) += 1;
        }
    }
    assert_eq!(tried.len(), clients.len(), "{tried:?}");
    assert!(tried.values().sum::<usize>() > 150, "{tried:?}");
}

#[test]
fn lists_and_the_feed_show_an_operator_only_what_it_takes_part_in() {
    let mut world = World::new();
    let records = records(&mut world);
    for kind in records.keys().filter(|kind| !SHARED.contains(kind)) {
        assert_eq!(world.stranger.all(&format!("/v1/{kind}")), Vec::<Value>::new(), "{kind}");
        assert!(
            world.operator.all(&format!("/v1/{kind}")).iter().any(|item| item["id"] == records[kind].as_str()),
            "{kind}"
        );
        assert!(
            // Imports are their organisation's own: not even the region reads them.
            *kind == "imports"
                || world.region.all(&format!("/v1/{kind}")).iter().any(|item| item["id"] == records[kind].as_str()),
            "{kind}"
        );
    }
    let kinds = |client: &Client| -> Vec<String> {
        let mut kinds: Vec<String> =
            client.changes().iter().map(|change| change["type"].as_str().unwrap().to_owned()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds(&world.stranger), ["call", "organisation"]);
    assert_eq!(kinds(&world.operator).len(), 8);
    assert_eq!(kinds(&world.dote).len(), 8);
}

#[test]
fn references_in_bodies_do_not_reach_into_other_partnerships() {
    let mut world = World::new();
    let records = records(&mut world);
    let stranger = &world.stranger;
    let member = world.member_body(&records["partnerships"], &world.operators[2], "accredited_operator");
    assert!(stranger.post("/v1/members", member).expect(422).has("/partnership", "unknown_reference"));
    let cohort = json!({"partnership": {"id": records["partnerships"]}, "name": "x"});
    assert!(stranger.post("/v1/cohorts", cohort).expect(422).has("/partnership", "unknown_reference"));
    assert!(
        stranger
            .post("/v1/participants", world.participant_body(&records["cohorts"], 7))
            .expect(422)
            .has("/cohort", "unknown_reference")
    );
    let action =
        world.action_body(&records["partnerships"], &records["cohorts"], &records["participants"], "2012-10-01");
    assert!(stranger.post("/v1/actions", action).expect(422).has("/partnership", "unknown_reference"));
    assert!(
        stranger
            .post("/v1/outcomes", world.outcome_body(&records["participants"], 2))
            .expect(422)
            .has("/participant", "unknown_reference")
    );
}

#[test]
fn a_former_member_loses_sight() {
    let mut world = World::new();
    let partnership = world.active("former", 3).id;
    let member = world.member_body(&partnership, &world.operators[1], "accredited_operator");
    let member = world.operator.post("/v1/members", member).expect(201).json();
    let path = format!("/v1/partnerships/{partnership}");
    world.second.get(&path).expect(200);
    // It may see, not change, what another leads.
    assert_eq!(world.second.patch(&path, 4, json!({"title": "mine"})).expect(403).code(), "not_yours");
    world.operator.delete(&format!("/v1/members/{}", member["id"].as_str().unwrap()), 1).expect(204);
    assert_eq!(world.second.get(&path).expect(404).code(), "not_found");
}

#[test]
fn personal_data_is_shown_to_those_who_need_it() {
    let mut world = World::new();
    let draft = world.active("personal", 5);
    let member = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    world.operator.post("/v1/members", member).expect(201);
    let path = format!("/v1/participants/{}", draft.participant);
    let code = crate::support::world::worker(5);
    for client in [&world.operator, &world.region, &world.dote] {
        let shown = client.get(&path).expect(200).json();
        assert_eq!((shown["tax_code"].as_str(), shown["family_name"].as_str()), (Some(code.as_str()), Some("Prova")));
    }
    let shown = world.second.get(&path).expect(200);
    assert_eq!(
        (&shown.json()["tax_code"], &shown.json()["given_name"], &shown.json()["family_name"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert!(shown.json()["pseudonym"].as_str().unwrap().starts_with("W-"));
    assert!(!shown.to_string().contains(&code));
    let feed: Vec<Value> = world.second.changes();
    assert!(!Value::from(feed).to_string().contains(&code));
    assert_eq!(world.auditor.get(&path).expect(403).code(), "insufficient_scope");
}

/// Who had charge of a worker and is not a member any more finds the worker no longer, though the record still names it.
#[test]
fn a_former_member_finds_no_workers_that_it_had_in_charge() {
    let mut world = World::new();
    let draft = world.active("left", 6);
    world.on("2012-10-01");
    let member = world.member_body(&draft.id, &world.operators[1], "accredited_operator");
    let member = world.operator.post("/v1/members", member).expect(201).json();
    let cohort = json!({"partnership": {"id": draft.id}, "name": "theirs", "operator": {"id": world.operators[1]}});
    let cohort = world.operator.post("/v1/cohorts", cohort).expect(201).id();
    let worker = world.second.post("/v1/participants", world.participant_body(&cohort, 8)).expect(201).json();
    let code = worker["tax_code"].clone();
    let found = |world: &World| {
        let answer = world.second.post("/v1/participants/lookup", json!({"tax_code": code})).expect(200).json();
        answer["items"].as_array().unwrap().len()
    };
    assert_eq!(found(&world), 1);
    // The lead sees the worker, by a pseudonym: it does not find out whose it is.
    let answer = world.operator.post("/v1/participants/lookup", json!({"tax_code": code})).expect(200).json();
    assert_eq!(answer["items"], json!([]), "who has no charge of a worker learns nothing of a tax code");
    let gone = json!({"left_on": "2012-09-20", "exit_reason": "abandoned"});
    let path = format!("/v1/participants/{}", worker["id"].as_str().unwrap());
    world.second.patch(&path, 1, gone).expect(200);
    assert_eq!(found(&world), 1, "as long as it is a member");
    let path = format!("/v1/members/{}", member["id"].as_str().unwrap());
    world.operator.patch(&path, 1, json!({"left_on": "2012-09-25"})).expect(200);
    assert_eq!(found(&world), 0);
}
