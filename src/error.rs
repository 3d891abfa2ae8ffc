//! What goes wrong, and how a client is told: one table of problem codes, one type, `application/problem+json` (RFC 9457).
//!
//! Nothing of a request's content is repeated in a problem: a tax code sent in the wrong field must not come back in an
//! answer, nor reach a log through it.

use serde::Serialize;

use crate::identifiers::PersonTaxCode;
use crate::identity::ScopeSet;
use crate::text::{Language, Text};

macro_rules! problem_codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $code:literal $status:literal $title:literal / $titolo:literal;)+) => {
        /// Why a request was refused: stable codes, each with one status and a title in English and Italian.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])* $variant),+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $code),+ } }

            /// The HTTP status it is answered with.
            pub const fn status(self) -> u16 { match self { $(Self::$variant => $status),+ } }

            /// The English title.
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title),+ } }

            /// The Italian title.
            pub const fn titolo(self) -> &'static str { match self { $(Self::$variant => $titolo),+ } }

            /// What it means and what to do about it: the text of its page.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc, "\n"),*)),+ }
            }
        }
    };
}

problem_codes! {
    /// The body is not JSON: look at the place that `detail` names. Nothing was stored.
    MalformedJson = "malformed_json" 400 "The body is not valid JSON" / "Il corpo non è JSON valido";
    /// The body ended before it was complete, or cannot be decompressed. Nothing of it was carried out: send it again.
    MalformedBody = "malformed_body" 400 "The body cannot be read to its end" / "Il corpo non è leggibile fino alla fine";
    /// A part of the request line or a header cannot be read: a path id that is no UUID, an unknown or ill-formed query
    /// parameter, a header with a wrong form. `errors` names it.
    MalformedRequest = "malformed_request" 400 "The request is malformed" / "La richiesta è malformata";
    /// The cursor was not made by this service, or for another list. Start again without it.
    InvalidCursor = "invalid_cursor" 400 "The cursor is not valid" / "Il cursore non è valido";
    /// The token endpoint was asked for something it does not do (RFC 6749, section 5.2).
    InvalidTokenRequest = "invalid_token_request" 400 "The token request is not valid" / "La richiesta di token non è valida";
    /// The client's profile demands that requests with an effect are signed with their payload (`Agid-JWT-Signature`, INTEGRITY_REST_02), and
    /// this one is not, or not rightly: `errors` says what is wrong. Nothing was carried out.
    InvalidSignature = "invalid_signature" 400 "The message is not signed as the client's profile demands" / "Il messaggio non è firmato come richiede il profilo del client";
    /// The client's profile demands that requests say on whose behalf they are (`Agid-JWT-TrackingEvidence`, AUDIT_REST_01 or AUDIT_REST_02),
    /// and this one does not, or not rightly: `errors` says what is wrong. Nothing was carried out or shown.
    InvalidTrackingEvidence = "invalid_tracking_evidence" 400 "The message does not say on whose behalf it is" / "Il messaggio non indica per conto di chi è inviato";
    /// No access token came with the request, or it is expired, forged, revoked or not meant for this service.
    /// Obtain one at `/oauth/token`.
    Unauthenticated = "unauthenticated" 401 "A valid access token is needed" / "È necessario un token di accesso valido";
    /// The client id or the secret is wrong. The two are not told apart.
    InvalidClient = "invalid_client" 401 "The client could not be authenticated" / "Autenticazione del client fallita";
    /// The token lacks the scope that the operation demands; `detail` names it.
    InsufficientScope = "insufficient_scope" 403 "The token lacks the scope" / "Il token non ha lo scope richiesto";
    /// The record may be seen but not changed by the caller: an operator writes only its own records, the lead edits the
    /// partnership and its members, the operator in charge the participants and outcomes.
    NotYours = "not_yours" 403 "The record belongs to another organisation" / "Il record appartiene a un altro soggetto";
    /// There is no such record, or the caller may not see it: the two are not told apart.
    NotFound = "not_found" 404 "Not found" / "Non trovato";
    /// The path exists, but not with this method; `Allow` lists those that do.
    MethodNotAllowed = "method_not_allowed" 405 "The method is not allowed here" / "Metodo non consentito";
    /// The lifecycle does not allow this step from the state the record is in; `detail` names the state.
    WrongState = "wrong_state" 409 "The record's state does not allow it" / "Lo stato del record non lo consente";
    /// A live record with the same unique value exists already: an external id, a tax code, a code of an employer's notice.
    AlreadyExists = "already_exists" 409 "It exists already" / "Esiste già";
    /// The worker, or the worker's Dote, is in charge elsewhere at this time (invariant 8). Which partnership is not told.
    WorkerTaken = "worker_taken" 409 "The worker is already in charge elsewhere" / "Il lavoratore è già preso in carico altrove";
    /// Other records still refer to this one; delete or change those first.
    StillReferenced = "still_referenced" 409 "Other records refer to it" / "Altri record vi fanno riferimento";
    /// The import would not come to the plan that it demands: something that the plan depended on has changed. Nothing was carried
    /// out. Make a new plan with a dry run and decide anew.
    PlanChanged = "plan_changed" 409 "The import would come to another plan" / "L'importazione porterebbe a un piano diverso";
    /// What is granted under the call would exceed its allocation (invariant 4).
    AllocationExceeded = "allocation_exceeded" 409 "The call's allocation would be exceeded" / "La dotazione dell'avviso sarebbe superata";
    /// A request with the same Idempotency-Key is being carried out right now. Retry in a moment.
    IdempotencyInProgress = "idempotency_in_progress" 409 "The same request is in progress" / "La stessa richiesta è in corso";
    /// The cursor belongs to an earlier epoch of the feed, before a restore, or is older than what is kept. Start over
    /// without a cursor.
    CursorExpired = "cursor_expired" 410 "The cursor has expired" / "Il cursore è scaduto";
    /// `If-Match` names another version than the current one. Read the record again and decide anew.
    StaleVersion = "stale_version" 412 "The record has changed since it was read" / "Il record è cambiato dopo la lettura";
    /// The body is larger than the service takes.
    BodyTooLarge = "body_too_large" 413 "The body is too large" / "Il corpo è troppo grande";
    /// The request target is longer than the service takes.
    UriTooLong = "uri_too_long" 414 "The request target is too long" / "L'URI è troppo lungo";
    /// The body comes in a media type that the operation does not take.
    UnsupportedMediaType = "unsupported_media_type" 415 "The media type is not supported" / "Il tipo di contenuto non è supportato";
    /// The body is JSON but breaks the schema or a rule. `errors` lists every violation with a pointer to the field.
    Invalid = "invalid" 422 "The request breaks one or more rules" / "La richiesta viola una o più regole";
    /// The Idempotency-Key was used before with another request. Use a new key for a new request.
    IdempotencyKeyReused = "idempotency_key_reused" 422 "The Idempotency-Key was used for another request" / "Idempotency-Key già usata per un'altra richiesta";
    /// `If-Match` is needed to change or delete a record by its id: send the `ETag` that it was read with.
    PreconditionRequired = "precondition_required" 428 "If-Match is required" / "È richiesto If-Match";
    /// Too many requests. Wait as `Retry-After` says.
    TooManyRequests = "too_many_requests" 429 "Too many requests" / "Troppe richieste";
    /// The request line or headers are larger than the service takes.
    HeadersTooLarge = "headers_too_large" 431 "The headers are too large" / "Le intestazioni sono troppo grandi";
    /// A fault of the service. It was logged under the request's id; retrying with the same Idempotency-Key is safe.
    Internal = "internal" 500 "The service failed" / "Errore interno del servizio";
    /// The database is out of reach or the queue is full. Wait as `Retry-After` says and retry; nothing was stored, or the
    /// retry will be recognised by its Idempotency-Key or external id.
    Unavailable = "unavailable" 503 "The service is busy or not available" / "Il servizio è occupato o non disponibile";
}

/// One broken rule or malformed field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) to the field in the request body; empty for the whole body. For a query parameter or a
    /// header: its name. A name that only the request knows is part of it where it looks like a name; else the pointer
    /// ends before it, at what holds the field.
    pub pointer: String,
    /// Stable code of what is wrong with the field.
    pub code: &'static str,
    /// What is wrong and what would be right, in words. Never the value that was sent.
    pub detail: Text,
    /// The domain rule that is broken, as `/v1/calls/{id}/rules` lists it; absent for matters of form.
    pub rule: Option<&'static str>,
}

impl Violation {
    /// A field that is wrong in form.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: Text) -> Self {
        Self { pointer: repeatable(pointer.into()), code, detail, rule: None }
    }

    /// A broken domain rule. Its code is the rule's own.
    pub fn of_rule(rule: &'static str, pointer: impl Into<String>, detail: Text) -> Self {
        Self { pointer: pointer.into(), code: "rule_broken", detail, rule: Some(rule) }
    }
}

/// The longest pointer, in bytes; the document says so.
pub const MAX_POINTER: usize = 1000;

/// The most violations that a problem lists; the document says so.
pub const MAX_ERRORS: usize = 10_000;

/// A pointer up to the first part that is not to be repeated. The names of unknown fields and parameters are the sender's:
/// a tax code may have been put where a name belongs, or something that the reader's terminal would obey.
fn repeatable(mut pointer: String) -> String {
    let is_name = |part: &str| {
        part.len() <= 64
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.$~".contains(c))
            && part.chars().filter(char::is_ascii_digit).count() <= 5
            && !PersonTaxCode::looks_like(part)
    };
    let mut end = 0;
    for (index, part) in pointer.split('/').enumerate() {
        let next = end + usize::from(index > 0) + part.len();
        if !is_name(part) || next > MAX_POINTER {
            break;
        }
        end = next;
    }
    pointer.truncate(end);
    pointer
}

/// A refusal, from wherever in the service it arises to the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which entry of the table.
    pub code: Code,
    /// What in this request, in words.
    pub detail: Option<Text>,
    /// Every violation at once.
    pub errors: Vec<Violation>,
    /// The error code of RFC 6749, for the token endpoint.
    pub oauth: Option<&'static str>,
    /// The scopes that the request takes, where the token lacks one of them.
    pub scopes: ScopeSet,
    /// Seconds after which a retry makes sense, where that is not what [`Problem::retry_after`] says of the code.
    pub wait: Option<u32>,
}

impl Problem {
    /// A problem of this code, without more words.
    pub const fn new(code: Code) -> Self {
        Self { code, detail: None, errors: Vec::new(), oauth: None, scopes: ScopeSet::NONE, wait: None }
    }

    /// A problem with its particulars.
    pub fn because(code: Code, detail: Text) -> Self {
        Self { detail: Some(detail), ..Self::new(code) }
    }

    /// Fields or rules of the body that are broken.
    pub fn invalid(errors: Vec<Violation>) -> Self {
        Self { errors, ..Self::new(Code::Invalid) }
    }

    /// A part of the request outside the body that cannot be read.
    pub fn malformed(errors: Vec<Violation>) -> Self {
        Self { errors, ..Self::new(Code::MalformedRequest) }
    }

    /// The same, with violations attached.
    #[must_use]
    pub fn with(mut self, errors: Vec<Violation>) -> Self {
        self.errors = errors;
        self
    }

    /// A refusal of the token endpoint, which OAuth clients know by a code of their own.
    pub fn oauth(code: Code, error: &'static str, detail: Text) -> Self {
        Self { oauth: Some(error), ..Self::because(code, detail) }
    }

    /// A refusal for want of a scope. `needed` are all the scopes that the request takes, those that the token has included: a
    /// token with them is what the client has to get.
    pub fn insufficient_scope(needed: ScopeSet, detail: Text) -> Self {
        Self { scopes: needed, ..Self::because(Code::InsufficientScope, detail) }
    }

    /// Seconds after which a retry makes sense, for the answers that carry `Retry-After`.
    pub const fn retry_after(&self) -> Option<u32> {
        if self.wait.is_some() {
            return self.wait;
        }
        match self.code {
            Code::TooManyRequests | Code::Unavailable | Code::IdempotencyInProgress => Some(1),
            _ => None,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.as_str())?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        for error in &self.errors {
            write!(f, "; {} {}: {}", error.pointer, error.code, error.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    code: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<BrokenRule<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
}

/// A [`Violation`] in one language.
#[derive(Serialize)]
struct BrokenRule<'a> {
    pointer: &'a str,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
}

impl Problem {
    /// The problem details document. `base` is the service's public URL, `instance` the request's id.
    pub fn to_json(&self, base: &str, instance: Option<&str>, language: Language) -> Vec<u8> {
        let detail = self.detail.as_ref().map(|detail| detail.get(language));
        let errors = self
            .errors
            .iter()
            .take(MAX_ERRORS)
            .map(|Violation { pointer, code, detail, rule }| BrokenRule {
                pointer,
                code,
                detail: detail.get(language),
                rule: *rule,
            })
            .collect();
        let body = Body {
            r#type: format!("{base}/problems/{}", self.code.as_str()),
            title: match language {
                Language::English => self.code.title(),
                Language::Italian => self.code.titolo(),
            },
            status: self.code.status(),
            detail,
            instance,
            code: self.code.as_str(),
            errors,
            error: self.oauth,
            error_description: self.oauth.and(detail),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::repeatable;

    #[test]
    fn only_what_looks_like_a_name_is_repeated() {
        let deep = "/name".repeat(300);
        for (pointer, kept) in [
            ("", ""),
            ("titel", "titel"),
            ("/titel", "/titel"),
            ("/members/12/tax_cod", "/members/12/tax_cod"),
            ("/a~1b/c", "/a~1b/c"),
            ("/details/VRFLFA70A01F205B", "/details"),
            ("/details/x_vrflfa70a01f205b/y", "/details"),
            ("/01234567890", ""),
            ("/a\u{1b}[31m", ""),
            ("/a b", ""),
            ("/perché", ""),
            ("page\u{0}", ""),
            (&format!("/{}", "x".repeat(64)), &format!("/{}", "x".repeat(64))),
            (&format!("/{}", "x".repeat(65)), ""),
            (&deep, &"/name".repeat(200)),
        ] {
            assert_eq!(repeatable(pointer.to_owned()), kept, "{pointer:?}");
        }
    }
}
