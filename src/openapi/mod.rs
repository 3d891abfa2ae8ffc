//! The OpenAPI document, assembled from what the operations say of themselves.

pub mod cuts;
pub mod examples;
pub mod schemas;

use serde_json::{Map, Value, json};

use crate::app;
use crate::error::{Code, MAX_ERRORS, MAX_POINTER};
use crate::http::headers;
use crate::identity::scopes::SCOPES;

/// The URL that the committed document names; the running service puts its own there.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// The whole document for a service at `url`.
pub fn document(url: &str) -> Value {
    let (mut paths, mut components) = app::api().document();
    examples::illustrate(&mut paths);
    components.insert("Problem".to_owned(), problem_schema());
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info(),
        "servers": [{"url": url, "description": "This service.", "x-sandbox": true}],
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": headers::components(),
            "examples": examples::problems(),
            "securitySchemes": {"oauth2": oauth2(url)},
        },
    });
    schemas::close(&mut document);
    schemas::plain_nulls(&mut document);
    schemas::plain_texts(&mut document);
    document
}

/// The whole document and its parts, by their names, as they are committed and served: indented, with a newline at the end.
pub fn texts(url: &str) -> Vec<(&'static str, String)> {
    let written = |document: &Value| {
        let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
        text.push('\n');
        text
    };
    let whole = document(url);
    let parts = cuts::CUTS.iter().map(|cut| (cut.name, written(&cut.of(&whole))));
    std::iter::once(("v1", written(&whole))).chain(parts).collect()
}

fn info() -> Value {
    json!({
        "title": "Ricolloca",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "Territorial partnerships for re-employment",
        "x-summary": "Territorial partnerships for re-employment",
        "x-api-id": "ricolloca",
        "description": "The API through which Lombardy's territorial partnerships for re-employment (partenariati territoriali) work together: \
            operators' software pushes partnerships, members, cohorts, participants, actions and outcomes; the regional Dote system pulls outcomes and verifies them.\n\n\
            Every record has an `id`, a `version` (the `ETag`) and, where its source gave it one, an `external_id` under which it can be written again and again \
            (`PUT .../by-external-id/{external_id}`). Problems are `application/problem+json` with every violation at once. All data shown by a demo service is synthetic.",
        "termsOfService": "https://example.org/ricolloca/terms",
        "contact": {"name": "Ricolloca", "url": "https://example.org/ricolloca", "email": "api@example.org"},
        "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
    })
}

fn tags() -> Value {
    json!([
        {"name": "health", "description": "Whether the service is up."},
        {"name": "identity", "description": "Tokens and keys."},
        {"name": "vocabularies", "description": "Codes that records refer to, with dates of validity."},
        {"name": "organisations", "description": "Legal entities (soggetti) and the accreditation of labour operators."},
        {"name": "calls", "description": "Editions of the funding (avvisi) and their rules."},
        {"name": "partnerships", "description": "Territorial partnerships (partenariati territoriali), from draft to conclusion."},
        {"name": "members", "description": "The organisations of a partnership."},
        {"name": "cohorts", "description": "Workers accompanied together (gruppi di lavoratori)."},
        {"name": "participants", "description": "Workers with a Dote (lavoratori destinatari)."},
        {"name": "actions", "description": "What is done for them and for the territory (azioni)."},
        {"name": "outcomes", "description": "What became of them (esiti)."},
        {"name": "imports", "description": "Many changes at once (importazioni)."},
        {"name": "changes", "description": "The feed of changes."},
        {"name": "exports", "description": "All records of a kind, and where the feed goes on from them."},
        {"name": "audit", "description": "Who did what, and the proof of it."},
        {"name": "reconciliations", "description": "Whether a copy is what it should be."},
    ])
}

fn oauth2(url: &str) -> Value {
    let scopes: Map<String, Value> =
        SCOPES.iter().map(|scope| (scope.name.to_owned(), Value::from(scope.meaning))).collect();
    json!({
        "type": "oauth2",
        "description": "OAuth 2.0 client credentials. Tokens are signed JWTs of the profile RFC 9068, issued and verified as RFC8725 advises.",
        "flows": {"clientCredentials": {"tokenUrl": format!("{url}/oauth/token"), "scopes": scopes}},
    })
}

fn problem_schema() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let text =
        |description: &str, length: usize| json!({"type": "string", "description": description, "maxLength": length});
    json!({
        "type": "object",
        "description": "Why a request was refused (RFC 9457).",
        "required": ["title", "status"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "A page that explains the code."},
            "title": text("The code in words, in the language of `Accept-Language`.", 200),
            "status": {"type": "integer", "format": "int32", "minimum": 100, "maximum": 599, "description": "The HTTP status."},
            "detail": text("What in this request.", 4000),
            "instance": text("The request's id, as in `X-Correlation-ID`.", 100),
            "code": {"type": "string", "enum": codes, "description": "The stable code."},
            "error": text("The code of RFC 6749, from the token endpoint.", 100),
            "error_description": text("The same in words.", 4000),
            "errors": {
                "type": "array", "minItems": 0, "maxItems": MAX_ERRORS, "description": "Every violation at once, of very many the first ones.",
                "items": {
                    "type": "object", "required": ["pointer", "code", "detail"],
                    "properties": {
                        "pointer": text("JSON Pointer to the field, or the name of a parameter or header. It ends before a name that is not ours and does not look like one.", MAX_POINTER),
                        "code": text("Stable code of what is wrong with it.", 100),
                        "detail": text("The same in words. Never the value that was sent.", 4000),
                        "rule": text("The domain rule that is broken.", 100),
                    },
                },
            },
        },
    })
}
