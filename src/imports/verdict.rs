//! What became of a line, and why.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::item::{Item, Unreadable};
use crate::batch::{self, Answer};
use crate::code_enum;
use crate::error::{Code, MAX_ERRORS, Problem, Violation};
use crate::identifiers::PersonTaxCode;
use crate::kind::Kind;
use crate::rules_catalogue::WORKER_ONE_ACTIVE_DOTE;
use crate::text::{Language, Text};

code_enum! {
    /// What became of a line.
    pub enum ImportEffect {
        /// The record is new.
        Created = "created",
        /// The record is another than before.
        Changed = "changed",
        /// Everything was so already.
        Unchanged = "unchanged",
        /// The record is deleted.
        Deleted = "deleted",
        /// What it refers to has not come yet; it is carried out when it does.
        Waiting = "waiting",
        /// It breaks a rule, or a deadline: `errors` says which.
        Refused = "refused",
        /// It waited, and what came later took its place.
        Superseded = "superseded",
        /// It could have been carried out, but the import as a whole was not.
        Skipped = "skipped",
    }
}

/// The same, by the name that it has in here.
pub type Effect = ImportEffect;

/// What a line refers to and was not found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// Which kind of record.
    pub kind: String,
    /// The sender's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Its tax code: of an organisation, and never one that is a person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_code: Option<String>,
    /// The service's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
}

/// One reason why a line was not carried out, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The field, in `data`.
    pub pointer: String,
    /// Code of the violation, or of the problem where no field is at fault.
    pub code: String,
    /// The rule that is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// In English.
    pub detail_en: String,
    /// In Italian.
    pub detail_it: String,
    /// What was not found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Other lines that it has to do with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<i64>,
}

impl Reason {
    /// Of a violation.
    pub fn of(violation: &Violation) -> Self {
        Self::new(&violation.pointer, violation.code, &violation.detail, violation.rule)
    }

    /// From its parts.
    pub fn new(pointer: &str, code: &str, detail: &Text, rule: Option<&str>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            rule: rule.map(str::to_owned),
            detail_en: detail.get(Language::English).to_owned(),
            detail_it: detail.get(Language::Italian).to_owned(),
            reference: None,
            lines: Vec::new(),
        }
    }

    /// The same, naming other lines.
    #[must_use]
    pub fn with_lines(mut self, lines: Vec<i64>) -> Self {
        self.lines = lines;
        self
    }
}

/// What became of one line.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Which line.
    pub line: i64,
    /// Kind of record, where the line names one.
    pub kind: Option<Kind>,
    /// The sender's name for the record, where the line gives one.
    pub external_id: Option<String>,
    /// Digest of the item.
    pub digest: Option<Uuid>,
    /// What became of it.
    pub effect: Effect,
    /// The record and its version, where there is one now.
    pub record: Option<(Uuid, i64)>,
    /// The fields that are other than before.
    pub changed: Vec<String>,
    /// Why it was not carried out.
    pub reasons: Vec<Reason>,
    /// The line of the same import whose failure is the reason for this one's.
    pub blocked_by: Option<i64>,
}

impl Verdict {
    /// Whether it tells that a worker is in charge elsewhere.
    pub fn tells_of_a_worker(&self) -> bool {
        self.reasons.iter().any(|reason| reason.rule.as_deref() == Some(WORKER_ONE_ACTIVE_DOTE))
    }

    /// On an item that was carried out, or not.
    pub fn of(item: &Item, answer: Option<&Answer>) -> Self {
        let mut verdict = Self {
            line: item.line,
            kind: Some(item.kind),
            external_id: Some(item.external_id.clone()),
            digest: Some(item.digest),
            effect: Effect::Refused,
            record: None,
            changed: Vec::new(),
            reasons: Vec::new(),
            blocked_by: None,
        };
        match answer {
            Some(Ok(reply)) => {
                verdict.effect = match reply.effect {
                    batch::Effect::Created => Effect::Created,
                    batch::Effect::Changed => Effect::Changed,
                    batch::Effect::Unchanged => Effect::Unchanged,
                    batch::Effect::Deleted => Effect::Deleted,
                };
                verdict.record = Some((reply.id, reply.version));
                verdict.changed.clone_from(&reply.fields);
            }
            Some(Err(problem)) => verdict.reasons = reasons(problem, item),
            None => verdict.reasons = reasons(&Problem::new(Code::Internal), item),
        }
        verdict
    }

    /// On an item that is refused before it is carried out.
    pub fn refused(item: &Item, reason: Reason) -> Self {
        Self { reasons: vec![reason], ..Self::of(item, None) }
    }

    /// On a line that cannot be read.
    pub fn unreadable(line: &Unreadable) -> Self {
        Self {
            line: line.line,
            kind: line.kind,
            external_id: line.external_id.clone(),
            digest: None,
            effect: Effect::Refused,
            record: None,
            changed: Vec::new(),
            reasons: line.errors.iter().take(MAX_ERRORS).map(Reason::of).collect(),
            blocked_by: None,
        }
    }

    /// What it lacks and could wait for: the first of its references that were not found, where it has no other fault.
    pub fn lacks(&self) -> Option<&Reference> {
        fn lacks(reason: &Reason) -> Option<&Reference> {
            let named = |reference: &&Reference| reference.external_id.is_some() || reference.tax_code.is_some();
            reason.reference.as_ref().filter(named)
        }
        let first = lacks(self.reasons.first()?)?;
        self.reasons.iter().all(|reason| lacks(reason).is_some()).then_some(first)
    }

    /// Whether its record may not be deleted since others refer to it.
    pub fn is_still_referenced(&self) -> bool {
        self.reasons.iter().any(|reason| reason.code == Code::StillReferenced.as_str())
    }
}

fn reasons(problem: &Problem, item: &Item) -> Vec<Reason> {
    if problem.errors.is_empty() {
        let title = Text::new(format_args!("{}", problem.code.title()), format_args!("{}", problem.code.titolo()));
        return vec![Reason::new("", problem.code.as_str(), problem.detail.as_ref().unwrap_or(&title), None)];
    }
    let document: Option<Value> = item.data.as_ref().and_then(|data| serde_json::from_str(data.get()).ok());
    problem
        .errors
        .iter()
        .take(MAX_ERRORS)
        .map(|violation| {
            let mut reason = Reason::of(violation);
            if violation.code == "unknown_reference" {
                reason.reference = document.as_ref().and_then(|document| reference(document, &violation.pointer));
            }
            reason
        })
        .collect()
}

/// What stands at a place of a record that refers to another.
fn reference(document: &Value, pointer: &str) -> Option<Reference> {
    let kind = match pointer.rsplit('/').next()? {
        "partnership" => Kind::Partnership,
        "cohort" => Kind::Cohort,
        "participant" => Kind::Participant,
        "call" => Kind::Call,
        "rectifies" => Kind::Action,
        _ => Kind::Organisation,
    };
    let stated = document.pointer(pointer)?.as_object()?;
    // References are short, and are not told where they might name a person.
    let text = |name: &str| {
        let text = stated.get(name)?.as_str()?;
        (text.len() <= 100 && text.is_ascii() && !PersonTaxCode::looks_like(text)).then(|| text.to_owned())
    };
    let found = Reference {
        kind: kind.name().to_owned(),
        external_id: text("external_id"),
        tax_code: text("tax_code"),
        id: text("id").and_then(|id| Uuid::try_parse(&id).ok()),
    };
    (found.external_id.is_some() || found.tax_code.is_some() || found.id.is_some()).then_some(found)
}

/// The digest of what an import comes to: equal where every line has the same effect on the same version for the same reasons.
#[derive(Default)]
pub struct Plan(Vec<(i64, [u8; 32])>);

impl Plan {
    /// Adds verdicts, in any order.
    pub fn add(&mut self, verdicts: &[Verdict]) {
        self.0.extend(verdicts.iter().map(|verdict| {
            let reasons: Vec<_> =
                verdict.reasons.iter().map(|r| (&r.pointer, &r.code, &r.rule, &r.reference)).collect();
            let stated = serde_json::json!([
                verdict.line,
                verdict.kind.map(Kind::name),
                verdict.external_id,
                verdict.digest,
                verdict.effect.as_str(),
                verdict.record.filter(|_| verdict.effect != Effect::Created),
                verdict.changed,
                reasons,
            ]);
            (verdict.line, Sha256::digest(stated.to_string()).into())
        }));
    }

    /// The digest, in hexadecimal digits.
    pub fn hash(mut self) -> String {
        use std::fmt::Write as _;
        self.0.sort_unstable();
        let digest = self.0.iter().fold(Sha256::new(), |sum, (_, digest)| sum.chain_update(digest)).finalize();
        digest.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
