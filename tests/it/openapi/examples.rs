//! Every operation has an example that works: each is sent to a service with the demo data. What was sent, and the answer,
//! stand in `openapi/examples.json`, from which the document takes them.
//!
//! `UPDATE_EXAMPLES=1 cargo test --test it examples` records them anew.

use std::collections::BTreeSet;

use diesel::RunQueryDsl as _;
use ricolloca::openapi::{self, examples};
use serde_json::{Map, Value, json};

use crate::support::Service;
use crate::support::service::Client;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/examples.json");

/// Sends requests and notes them down.
struct Book {
    service: Service,
    document: Value,
    entries: Vec<Value>,
}

impl Book {
    fn client(&self, name: &str) -> Client {
        if name.is_empty() { self.service.anonymous() } else { self.service.demo_client(name) }
    }

    /// The record that a list of the demo data finds first.
    fn find(&self, client: &str, path: &str) -> Value {
        let mut found = self.client(client).get(path).expect(200).json();
        assert!(found["items"][0].is_object(), "{path} finds nothing");
        found["items"][0].take()
    }

    /// Sends a request. `shown` are the parameters as the document shows them; `live` those that are sent instead, where the
    /// example is of a record that only this run has.
    fn send(&mut self, client: &str, operation: &str, shown: Value, live: Value, body: Option<Value>) -> Value {
        let (path, method, described) = super::operations()
            .into_iter()
            .find(|(.., described)| described["operationId"] == operation)
            .unwrap_or_else(|| panic!("no operation {operation}"));
        let mut sent: Map<String, Value> = shown.as_object().unwrap().clone();
        sent.extend(live.as_object().unwrap().clone());
        let mut url = path;
        let mut query = Vec::new();
        let mut headers: Vec<(String, String)> = Vec::new();
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        for parameter in described["parameters"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            let given = sent.remove(name);
            match (parameter["in"].as_str().unwrap(), given) {
                ("path", Some(value)) => url = url.replace(&format!("{{{name}}}"), &text(&value)),
                ("query", Some(value)) => query.push(format!("{name}={}", text(&value))),
                ("header", Some(value)) => headers.push((name.to_owned(), text(&value))),
                ("header", None) if parameter["required"] == true => headers.push((name.to_owned(), "*".to_owned())),
                (_, None) if parameter["required"] == true => panic!("{operation}: {name} is missing"),
                _ => {}
            }
        }
        assert!(sent.is_empty(), "{operation} has no parameters {sent:?}");
        if !query.is_empty() {
            url = format!("{url}?{}", query.join("&"));
        }
        let media = described["requestBody"]["content"].as_object().and_then(|content| content.keys().next()).cloned();
        let form = media.as_deref() == Some("application/x-www-form-urlencoded");
        let bytes = match &body {
            // Lines are no JSON document.
            Some(Value::String(lines)) => lines.clone(),
            Some(body) if form => serde_urlencoded::to_string(body).unwrap(),
            Some(body) => body.to_string(),
            None => String::new(),
        };
        headers.extend(media.map(|media| ("content-type".to_owned(), media)));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.client(client).send(&method.to_uppercase(), &url, &headers, bytes);
        assert!((200..300).contains(&answer.status), "the example of {operation} is refused: {answer}");
        let shown_answer = if answer.body.is_empty() {
            Value::Null
        } else if answer.header("content-type") == Some("application/x-ndjson") {
            json!(String::from_utf8(answer.body.clone()).unwrap())
        } else {
            answer.json()
        };
        self.check(operation, &described, answer.status, &shown_answer);
        let client = if client.is_empty() { Value::Null } else { json!(client) };
        self.entries.push(json!({"operation": operation, "client": client, "parameters": shown, "body": body, "status": answer.status, "answer": shown_answer}));
        shown_answer
    }

    /// The answer is of the schema that the document declares.
    fn check(&self, operation: &str, described: &Value, status: u16, answer: &Value) {
        let content = described["responses"][status.to_string()]["content"]
            .as_object()
            .and_then(|content| content.values().next());
        let Some(content) = content else {
            assert!(answer.is_null(), "{operation}: {status} has a body that is not declared");
            return;
        };
        let schema = json!({"allOf": [content["schema"]], "components": self.document["components"]});
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{operation}: the answer is not as declared: {}", errors.join("; "));
    }

    /// The seven operations that every resource has.
    fn resource(
        &mut self,
        client: &str,
        [one, many]: [&str; 2],
        existing: &str,
        [first, second]: [Value; 2],
        patch: Value,
    ) {
        let id = json!({"id": existing});
        self.send(client, &format!("list_{many}"), json!({"limit": 2}), json!({}), None);
        self.send(client, &format!("show_{one}"), id.clone(), json!({}), None);
        let made = self.send(client, &format!("create_{one}"), json!({}), json!({}), Some(first.clone()));
        let live = json!({"id": made["id"]});
        self.send(client, &format!("replace_{one}"), id.clone(), live.clone(), Some(first));
        self.send(client, &format!("edit_{one}"), id.clone(), live.clone(), Some(patch));
        self.send(client, &format!("remove_{one}"), id, live, None);
        let name = second["external_id"].clone();
        let mut body = second;
        body.as_object_mut().unwrap().remove("external_id");
        self.send(client, &format!("upsert_{one}"), json!({"external_id": name}), json!({}), Some(body));
    }
}

const OPERATOR: &str = "demo-operator-1";
const REGION: &str = "demo-region";
const DOTE: &str = "demo-dote";
const AUDITOR: &str = "demo-auditor";

fn record() -> Vec<Value> {
    let mut book =
        Book { service: Service::demo(), document: openapi::document(openapi::DEFAULT_URL), entries: Vec::new() };
    let none = || json!({});
    for operation in
        ["show_status", "show_probing", "show_liveness", "show_readiness", "list_signing_keys", "list_vocabularies"]
    {
        book.send("", operation, none(), none(), None);
    }
    for operation in ["show_authorization_server", "show_protected_resource"] {
        book.send("", operation, none(), none(), None);
    }
    let credentials = json!({"grant_type": "client_credentials", "client_id": OPERATOR, "client_secret": "demo"});
    book.send("", "obtain_token", none(), none(), Some(credentials));
    book.send("", "show_vocabulary", json!({"name": "municipalities"}), none(), None);
    book.send(
        "",
        "list_vocabulary_entries",
        json!({"name": "municipalities", "q": "Monza", "valid_on": "2012-07-02", "limit": 2}),
        none(),
        None,
    );
    organisations(&mut book);
    calls(&mut book);
    partnerships(&mut book);
    work(&mut book);
    imports(&mut book);
    audit(&mut book);
    book.send(DOTE, "list_changes", json!({"types": ["outcome"], "limit": 2}), none(), None);
    copies(&mut book);
    book.entries
}

fn copies(book: &mut Book) {
    let member = book.find(OPERATOR, "/v1/members?sort=created_at")["external_id"].clone();
    let call = book.find(OPERATOR, "/v1/calls")["external_id"].clone();
    for (kind, name) in [
        ("organisations", json!("org-0101")),
        ("calls", call),
        ("partnerships", json!("pt-30")),
        ("members", member),
        ("cohorts", json!("pt-30-c0")),
        ("participants", json!("w-1500")),
        ("actions", json!("pt-30-a0014")),
        ("outcomes", json!("e-1501")),
    ] {
        let some = json!({"external_id": [name]});
        book.send(OPERATOR, &format!("export_{kind}"), some, json!({}), None);
    }
    let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let body = json!({"type": "call", "depth": 0, "buckets": [{"bucket": "", "count": 1, "digest": digest}]});
    book.send(DOTE, "reconcile", json!({}), json!({}), Some(body));
}

fn organisations(book: &mut Book) {
    let town = book.find(REGION, "/v1/organisations?external_id=org-0101");
    let id = town["id"].as_str().unwrap().to_owned();
    let body = |name: &str, tax_code: &str| json!({"external_id": name, "tax_code": tax_code, "name": "Officine Esempio S.r.l.", "legal_form": "1.3.20", "ateco": "25.11.00", "municipality": "015146"});
    book.resource(
        REGION,
        ["organisation", "organisations"],
        &id,
        [body("esempio-1", "99999910153"), body("esempio-2", "99999920152")],
        json!({"name": "Officine Esempio S.p.A.", "legal_form": "1.3.10"}),
    );
    let accreditation = json!({"entries": [{"number": "A-0001", "kind": "definitive", "act": "D.d.u.o. 1/2010", "valid_from": "2010-01-01"}],
        "units": [{"code": "UO-1", "municipality": "015146"}]});
    book.send(REGION, "accredit_organisation", json!({"id": id}), json!({}), Some(accreditation));
}

fn calls(book: &mut Book) {
    let id = book.find(REGION, "/v1/calls?code=PT-DEMO")["id"].as_str().unwrap().to_owned();
    let body = |code: &str| {
        json!({"external_id": code, "code": code, "title": "Partenariati territoriali per la ricollocazione, nuova edizione",
            "allocation_cents": 300_000_000, "applications_from": "2030-01-07", "applications_to": "2030-04-30",
            "activities_from": "2030-01-07", "activities_to": "2031-12-31", "reporting_deadline": "2032-06-30"})
    };
    book.resource(
        REGION,
        ["call", "calls"],
        &id,
        [body("PT-2030"), body("PT-2030-BIS")],
        json!({"allocation_cents": 350_000_000}),
    );
    book.send(OPERATOR, "show_call_budget", json!({"id": id}), json!({}), None);
    book.send(OPERATOR, "list_call_rules", json!({"id": id}), json!({}), None);
}

fn partnerships(book: &mut Book) {
    let numbered = |book: &Book, number: u32| {
        book.find(OPERATOR, &format!("/v1/partnerships?external_id=pt-{number}"))["id"].as_str().unwrap().to_owned()
    };
    let [active, submitted, approved, draft] = [32, 34, 36, 38].map(|number| numbered(book, number));
    let call = book.find(OPERATOR, "/v1/calls?code=PT-DEMO")["id"].clone();
    let body = |name: &str| {
        json!({"external_id": name, "call": {"id": call}, "title": "Rete per la ricollocazione nel tessile comasco", "ateco": "13",
            "provinces": ["CO", "VA"], "starts_on": "2027-01-11", "ends_on": "2028-06-30", "budget_cents": 25_000_000, "requested_cents": 20_000_000})
    };
    book.resource(
        OPERATOR,
        ["partnership", "partnerships"],
        &active,
        [body("esempio-1"), body("esempio-2")],
        json!({"requested_cents": 18_000_000, "provinces": ["CO", "LC", "VA"]}),
    );
    book.send(OPERATOR, "show_partnership_composition", json!({"id": draft}), json!({}), None);
    let member = book.find(OPERATOR, "/v1/members?external_id=pt-38-m1")["id"].as_str().unwrap().to_owned();
    let subject = |name: &str, number: u32| {
        json!({"external_id": name, "partnership": {"external_id": "pt-38"}, "organisation": {"tax_code": organisation(number)},
            "category": "grant_making_foundation", "joined_on": "2025-01-13", "own_resources_cents": 1_500_000})
    };
    book.resource(
        OPERATOR,
        ["member", "members"],
        &member,
        [subject("esempio-1", 122), subject("esempio-2", 116)],
        json!({"own_resources_cents": 2_000_000}),
    );
    book.send(OPERATOR, "submit_partnership", json!({"id": draft}), json!({}), None);
    let decision =
        json!({"verdict": "approved", "granted_cents": 10_000_000, "reason": "Progetto ammesso e finanziato"});
    book.send(REGION, "decide_partnership", json!({"id": submitted}), json!({}), Some(decision));
    book.send(OPERATOR, "activate_partnership", json!({"id": approved}), json!({}), None);
    let reason = json!({"reason": "Venuta meno la disponibilità di un soggetto della rete"});
    book.send(OPERATOR, "withdraw_partnership", json!({"id": approved}), json!({}), Some(reason));
    book.send(OPERATOR, "conclude_partnership", json!({"id": active}), json!({}), None);
}

/// The tax code of an organisation of the demo data.
fn organisation(number: u32) -> String {
    ricolloca::identifiers::synthetic::organisation(9_000_000 + number, 15).as_str().to_owned()
}

fn work(book: &mut Book) {
    let id = |book: &Book, path: &str| book.find(OPERATOR, path)["id"].as_str().unwrap().to_owned();
    let cohort = id(book, "/v1/cohorts?external_id=pt-30-c0");
    let group = |name: &str| {
        json!({"external_id": name, "partnership": {"external_id": "pt-30"}, "name": "Ex dipendenti Officine Dimostrative",
            "crisis_company": {"tax_code": organisation(106)}, "ateco": "25.11", "province": "MI", "agreement_on": "2025-01-20"})
    };
    book.resource(
        OPERATOR,
        ["cohort", "cohorts"],
        &cohort,
        [group("esempio-1"), group("esempio-2")],
        json!({"name": "Ex dipendenti, secondo gruppo"}),
    );

    let participant = id(book, "/v1/participants?external_id=w-1500");
    let worker = |name: &str, tax_code: &str, family_name: &str, number: &str| {
        json!({"external_id": name, "cohort": {"external_id": "pt-30-c0"}, "tax_code": tax_code, "given_name": "Alfa", "family_name": family_name,
            "sex": "male", "birth_year": 1970, "municipality": "015146", "education_level": "USG", "entry_status": "unemployed", "unemployed_since": "2025-02-03",
            "dote": {"number": number, "path": "job_placement", "valid_from": "2025-03-17", "valid_to": "2098-03-16"}, "taken_charge_on": "2025-03-24"})
    };
    let person = |letters: &str| {
        ricolloca::identifiers::synthetic::person(letters, "LFA", 1970, 1, 1, ricolloca::identifiers::Sex::Male, "F205")
    };
    let (first, second) = (person("SMP"), person("DMS"));
    book.resource(
        OPERATOR,
        ["participant", "participants"],
        &participant,
        [
            worker("esempio-1", first.as_str(), "Esempio", "DR-900001"),
            worker("esempio-2", second.as_str(), "Dimostrativo", "DR-900002"),
        ],
        json!({"education_level": "L"}),
    );
    book.send(OPERATOR, "find_participants", json!({}), json!({}), Some(json!({"tax_code": second.as_str()})));
    // A worker of whom nothing else is told here.
    let worker = book.find(REGION, "/v1/participants?external_id=w-1600");
    let (worker, code) = (worker["id"].clone(), worker["tax_code"].clone());
    book.send(REGION, "export_worker", json!({}), json!({}), Some(json!({"tax_code": code})));
    let corrected = json!({"given_name": "Giovanna", "sex": "female"});
    book.send(REGION, "rectify_participant", json!({"id": worker}), json!({}), Some(corrected));
    book.send(REGION, "restrict_participant", json!({"id": worker}), json!({}), Some(json!({"restricted": true})));

    let action = id(book, "/v1/actions?external_id=pt-30-a0014");
    let training = |name: &str, day: &str| {
        json!({"external_id": name, "partnership": {"external_id": "pt-30"}, "cohort": {"external_id": "pt-30-c0"}, "mode": "group", "status": "completed",
            "planned_on": day, "started_on": day, "ended_on": day, "municipality": "015146", "minutes": 240, "financing": "own_resources",
            "attendance": [{"participant": {"external_id": "w-1500"}, "minutes": 240}, {"participant": {"external_id": "w-1502"}, "minutes": 180}],
            "deliverables": [{"kind": "attendance_register", "dated_on": day, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],
            "cost_lines": [{"basis": "standard_unit_cost", "quantity": 4, "unit_cost_cents": 3500, "amount_cents": 14_000}],
            "details": {"kind": "training", "eqf_level": 4, "isced_field": "0413", "certificate": true}, "evidence": "registro-0042"})
    };
    book.resource(
        OPERATOR,
        ["action", "actions"],
        &action,
        [training("esempio-1", "2026-05-11"), training("esempio-2", "2026-05-12")],
        json!({"evidence": "registro-0043"}),
    );
    let accounting = json!({"approved_cents": 3800, "liquidated_cents": 1900});
    book.send(REGION, "account_action", json!({"id": action}), json!({}), Some(accounting));

    let outcome = book.find(OPERATOR, "/v1/outcomes?external_id=e-1501")["id"].as_str().unwrap().to_owned();
    let job = |name: &str, starts: &str, cob: &str| {
        json!({"external_id": name, "participant": {"external_id": "w-1503"}, "kind": "employment", "contract_type": "A.02.00", "working_time": "F",
            "employer_tax_code": organisation(106), "starts_on": starts, "ends_on": "2026-09-30", "cob": cob, "ccnl": "C011", "profession": "6.2.1"})
    };
    book.resource(
        OPERATOR,
        ["outcome", "outcomes"],
        &outcome,
        [job("esempio-1", "2026-01-12", "9000000000000001"), job("esempio-2", "2026-02-02", "9000000000000002")],
        json!({"ends_on": "2026-10-31"}),
    );
    let live = json!({"id": id(book, "/v1/outcomes?external_id=esempio-2")});
    book.send(
        DOTE,
        "verify_outcome",
        json!({"id": outcome}),
        live.clone(),
        Some(json!({"verdict": "disputed", "reason": "La comunicazione risulta annullata"})),
    );
    book.send(OPERATOR, "list_outcome_revisions", json!({"id": outcome}), json!({}), None);
    book.send(
        OPERATOR,
        "withdraw_outcome",
        json!({"id": outcome}),
        live,
        Some(json!({"reason": "Il lavoratore non ha preso servizio"})),
    );
}

fn imports(book: &mut Book) {
    let lines: String = [
        json!({"type": "cohort", "external_id": "pt-30-c0", "data": {"partnership": {"external_id": "pt-30"}, "name": "Ex dipendenti, primo gruppo",
            "crisis_company": {"tax_code": organisation(106)}, "ateco": "25.11", "province": "MI"}}),
        json!({"type": "cohort", "external_id": "esempio-3", "data": {"partnership": {"external_id": "assente"}, "name": "Ex dipendenti",
            "crisis_company": {"tax_code": organisation(106)}, "province": "MI"}}),
        json!({"type": "cohort", "external_id": "esempio-4", "data": {"partnership": {"external_id": "pt-30"}, "naem": "Ex dipendenti",
            "crisis_company": {"tax_code": organisation(106)}, "province": "MI"}}),
    ]
    .map(|line| format!("{line}\n"))
    .concat();
    let none = || json!({});
    let import = book.send(OPERATOR, "send_import", json!({"wait_days": 3}), none(), Some(json!(lines)));
    let id = json!({"id": import["id"]});
    let shown = json!({"id": "0190f1a2-5b7c-7d1e-9a55-0c9b5d1f2e3a"});
    for operation in ["show_import_report", "list_import_results", "list_import_waiting"] {
        book.send(OPERATOR, operation, shown.clone(), id.clone(), None);
    }
    for operation in ["list_imports", "list_waiting_items"] {
        book.send(OPERATOR, operation, none(), none(), None);
    }
    // One that runs as long as this connection keeps what becomes of it from being written.
    let mut conn = book.service.database.connect();
    diesel::sql_query("BEGIN").execute(&mut conn).unwrap();
    diesel::sql_query("LOCK TABLE import_item IN EXCLUSIVE MODE").execute(&mut conn).unwrap();
    let headers = [("content-type", "application/x-ndjson"), ("prefer", "respond-async")];
    let running = book.client(OPERATOR).send("POST", "/v1/imports", &headers, lines).expect(202).id();
    book.send(OPERATOR, "show_import", shown.clone(), json!({"id": running}), None);
    diesel::sql_query("ROLLBACK").execute(&mut conn).unwrap();
    book.send(OPERATOR, "cancel_import", shown, json!({"id": running}), None);
}

fn audit(book: &mut Book) {
    let none = || json!({});
    // Sealed within a second or so, and again when something is read.
    let size = |book: &Book, more_than: i64| loop {
        let newest = book.client(AUDITOR).get("/v1/audit-checkpoints?limit=1").expect(200).json();
        match newest["items"][0]["size"].as_i64() {
            Some(size) if size > more_than => break size,
            _ => std::thread::sleep(std::time::Duration::from_millis(100)),
        }
    };
    let first = size(book, 0);
    book.client(DOTE).get("/v1/participants?limit=1").expect(200);
    let second = size(book, first);
    let entries = json!({"client": DOTE, "operation": "list_participants", "limit": 1});
    book.send(AUDITOR, "list_audit_events", entries.clone(), entries, None);
    let one = json!({"limit": 1});
    book.send(AUDITOR, "list_audit_checkpoints", one.clone(), one, None);
    let proof = json!({"event": 1});
    book.send(AUDITOR, "show_audit_proof", proof.clone(), proof, None);
    let sizes = json!({"first": first, "second": second});
    book.send(AUDITOR, "show_audit_consistency", json!({"first": 1204, "second": 1275}), sizes, None);
    book.send(AUDITOR, "show_audit_key", none(), none(), None);
}

/// A request without what is another one at every run.
fn request(entry: &Value) -> Value {
    json!([entry["operation"], entry["client"], entry["parameters"], entry["body"], entry["status"]])
}

#[test]
fn every_operation_has_an_example_that_works() {
    let recorded = record();
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        let mut text = serde_json::to_string_pretty(&recorded).unwrap();
        text.push('\n');
        std::fs::write(FILE, text).unwrap();
    }
    let committed: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    let current = committed.iter().map(request).eq(recorded.iter().map(request));
    assert!(current, "openapi/examples.json is not current: UPDATE_EXAMPLES=1 cargo test --test it examples");

    let known: BTreeSet<&str> = committed.iter().map(|entry| entry["operation"].as_str().unwrap()).collect();
    for (path, method, operation) in super::operations() {
        let id = operation["operationId"].as_str().unwrap();
        assert!(known.contains(id), "{method} {path}: {id} has no example");
    }
    assert_eq!(known.len(), committed.len(), "one example an operation");
}

#[test]
fn what_the_document_shows_is_of_the_schema_that_it_declares() {
    let document = openapi::document(openapi::DEFAULT_URL);
    assert!(examples::all().len() > 70);
    for (path, method, operation) in super::operations() {
        let bodies = operation["requestBody"]["content"].as_object().into_iter().flat_map(Map::values);
        let answers = operation["responses"].as_object().unwrap().values();
        let answers = answers.flat_map(|answer| answer["content"].as_object().into_iter().flat_map(Map::values));
        let parameters = operation["parameters"].as_array().unwrap().iter();
        for shown in bodies.chain(answers).chain(parameters).filter(|shown| shown.get("example").is_some()) {
            let schema = json!({"allOf": [shown["schema"]], "components": document["components"]});
            let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&shown["example"])
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{method} {path}: an example is not as declared: {}", errors.join("; "));
        }
    }
}
