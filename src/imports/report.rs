//! From what is kept of an import to what its sender is told.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::store::items::{Cause, Outcome};
use super::store::waiting::{BY_TAX_CODE, Waiting};
use super::store::{self};
use super::verdict::{Effect, Reason, Reference};
use super::wire::{
    Import, ImportCause, ImportError, ImportItems, ImportReason, ImportReference, ImportResult, ImportState, MendedBy,
    Mode, WaitingItem,
};
use crate::kind::Kind;
use crate::text::Language;

/// An import. `now` is the end of its rate, while it runs.
pub fn import(import: &store::Import, now: DateTime<Utc>) -> Import {
    let done = import.created
        + import.changed
        + import.unchanged
        + import.deleted
        + import.waiting
        + import.refused
        + import.superseded
        + import.skipped;
    let elapsed = (import.finished_at.unwrap_or(now) - import.created_at).num_milliseconds().max(1);
    Import {
        id: import.id,
        state: ImportState::parse(&import.state).unwrap_or(ImportState::Running),
        reason: import.reason.as_deref().and_then(|reason| ImportReason::parse(reason).ok()),
        mode: Mode::parse(&import.mode).unwrap_or(Mode::Partial),
        dry_run: import.dry_run,
        created_at: import.created_at,
        finished_at: import.finished_at,
        items: ImportItems {
            read: import.lines,
            created: import.created,
            changed: import.changed,
            unchanged: import.unchanged,
            deleted: import.deleted,
            waiting: import.waiting,
            refused: import.refused,
            superseded: import.superseded,
            skipped: import.skipped,
        },
        #[expect(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
        rate: (done as f64 * 10_000.0 / elapsed as f64).round() / 10.0,
        plan_hash: import.plan_hash.clone(),
        causes: None,
    }
}

/// A reason that items have in common.
pub fn cause(cause: Cause, language: Language) -> ImportCause {
    let reference = cause.reference.and_then(|reference| serde_json::from_value::<Reference>(reference).ok());
    ImportCause {
        mended_by: mended_by(&cause.code, cause.rule.as_deref(), reference.as_ref()),
        kind: cause.kind,
        code: cause.code,
        rule: cause.rule,
        pointer: cause.pointer,
        detail: one_of(language, cause.detail_en, cause.detail_it),
        reference: reference.map(shown),
        items: cause.items,
        examples: serde_json::from_value(cause.examples).unwrap_or_default(),
    }
}

/// What became of a line.
pub fn result(kept: Outcome, language: Language) -> ImportResult {
    let reasons: Vec<Reason> =
        kept.errors.and_then(|errors: Value| serde_json::from_value(errors).ok()).unwrap_or_default();
    ImportResult {
        line: kept.line,
        kind: kept.kind,
        external_id: kept.external_id,
        effect: Effect::parse(&kept.effect).unwrap_or(Effect::Refused),
        id: kept.record_id,
        version: kept.version,
        changed: kept.changed.unwrap_or_default(),
        errors: reasons
            .into_iter()
            .map(|reason| ImportError {
                pointer: reason.pointer,
                code: reason.code,
                detail: one_of(language, reason.detail_en, reason.detail_it),
                rule: reason.rule,
                reference: reason.reference.map(shown),
                lines: reason.lines,
            })
            .collect(),
        blocked_by_line: kept.blocked_by,
    }
}

/// A line that waits.
pub fn waiting(waiting: Waiting) -> WaitingItem {
    let reference = if waiting.parent_kind == BY_TAX_CODE {
        let kind = Kind::Organisation.name().to_owned();
        ImportReference { kind, external_id: None, tax_code: Some(waiting.parent_name), id: None }
    } else {
        ImportReference { kind: waiting.parent_kind, external_id: Some(waiting.parent_name), tax_code: None, id: None }
    };
    WaitingItem {
        import_id: waiting.import_id,
        line: waiting.line,
        kind: waiting.kind,
        external_id: waiting.external_id,
        since: waiting.since,
        until: waiting.until,
        reference,
    }
}

fn shown(reference: Reference) -> ImportReference {
    let Reference { kind, external_id, tax_code, id } = reference;
    ImportReference { kind, external_id, tax_code, id }
}

fn one_of(language: Language, english: String, italian: String) -> String {
    match language {
        Language::English => english,
        Language::Italian => italian,
    }
}

/// Who can mend it. A broken rule is a matter of the data; a broken form one of the software that wrote it. What only the region
/// does is registering organisations, publishing calls, and deciding on partnerships; a fault of the service is told to it, too.
fn mended_by(code: &str, rule: Option<&str>, reference: Option<&Reference>) -> MendedBy {
    match code {
        "internal" | "unavailable" | "allocation_exceeded" => MendedBy::Region,
        "unknown_reference" => match reference.and_then(|reference| Kind::from_name(&reference.kind)) {
            Some(Kind::Organisation | Kind::Call) => MendedBy::Region,
            _ => MendedBy::Operator,
        },
        "not_yours"
        | "not_found"
        | "wrong_state"
        | "already_exists"
        | "already_in_use"
        | "worker_taken"
        | "still_referenced"
        | "stale_version"
        | "ambiguous"
        | "circle"
        | "wrong_check_character"
        | "insufficient_scope"
        | "client_revoked" => MendedBy::Operator,
        _ if rule.is_some() => MendedBy::Operator,
        _ => MendedBy::Vendor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_can_mend_it_is_told_so() {
        let reference =
            |kind: Kind| Reference { kind: kind.name().to_owned(), external_id: None, tax_code: None, id: None };
        assert_eq!(mended_by("required", None, None), MendedBy::Vendor);
        assert_eq!(mended_by("malformed_json", None, None), MendedBy::Vendor);
        assert_eq!(mended_by("rule_broken", Some("worker.double_financing"), None), MendedBy::Operator);
        assert_eq!(mended_by("unknown_reference", None, Some(&reference(Kind::Cohort))), MendedBy::Operator);
        assert_eq!(mended_by("unknown_reference", None, Some(&reference(Kind::Organisation))), MendedBy::Region);
        assert_eq!(mended_by("wrong_state", None, None), MendedBy::Operator);
    }
}
