//! Named constraints as problems: what two requests at once can run into after both passed the rules.

use diesel::result::Error;

use crate::error::{Code, Problem, Violation};
use crate::text;

/// Constraint, problem, and the field to name (empty: none).
/// The test `schema` reads the database's catalogue and fails on a constraint that is missing here.
pub const CONSTRAINTS: &[(&str, Code, &str)] = &[
    ("organisation_external_id_uq", Code::AlreadyExists, "/external_id"),
    ("organisation_tax_code_uq", Code::AlreadyExists, "/tax_code"),
    ("call_external_id_uq", Code::AlreadyExists, "/external_id"),
    ("call_code_uq", Code::AlreadyExists, "/code"),
    ("call_budget_ceiling_ck", Code::AllocationExceeded, ""),
    ("partnership_external_id_uq", Code::AlreadyExists, "/external_id"),
    ("member_external_id_uq", Code::AlreadyExists, "/external_id"),
    ("member_current_uq", Code::AlreadyExists, "/organisation"),
    ("cohort_external_id_uq", Code::AlreadyExists, "/external_id"),
    ("participant_external_id_uq", Code::AlreadyExists, "/external_id"),
    ("participant_worker_current_uq", Code::WorkerTaken, "/tax_code"),
    ("participant_dote_current_uq", Code::WorkerTaken, "/dote/number"),
    ("action_external_id_uq", Code::AlreadyExists, "/external_id"),
    ("action_rectifies_uq", Code::AlreadyExists, "/rectifies"),
    ("outcome_external_id_uq", Code::AlreadyExists, "/external_id"),
    ("outcome_cob_uq", Code::AlreadyExists, "/cob"),
    ("import_key_uq", Code::IdempotencyInProgress, ""),
    ("import_waiting_name_uq", Code::Unavailable, ""),
];

/// Constraints that the rules make unreachable: one that is broken all the same is a fault of ours, answered as a 500.
/// Primary and foreign keys are judged by their suffix (`_pk`, `_fk`) and belong here too.
pub const BACKSTOPS: &[&str] = &[
    "action_dates_ck",
    "action_money_ck",
    "attendance_period_ck",
    "audit_leaf_event_uq",
    "call_allocation_ck",
    "change_event_audience_ck",
    "change_event_operation_ck",
    "client_external_ck",
    "client_external_secret_ck",
    "client_external_uq",
    "client_key_algorithm_ck",
    "client_role_ck",
    "data_key_version_ck",
    "import_finished_ck",
    "import_item_effect_ck",
    "import_mode_ck",
    "import_state_ck",
    "member_money_ck",
    "member_period_ck",
    "outcome_period_ck",
    "participant_dote_ck",
    "participant_person_ck",
    "partnership_money_ck",
    "partnership_period_ck",
    "signing_key_private_ck",
    "used_assertion_kind_ck",
];

/// The problem that a database error amounts to. The database's own words go to the log, never to the client.
pub fn problem_of(error: &Error) -> Problem {
    use diesel::result::DatabaseErrorKind::{CheckViolation, SerializationFailure, UniqueViolation};
    if let Error::DatabaseError(UniqueViolation | CheckViolation, info) = error
        && let Some((_, code, field)) = CONSTRAINTS.iter().find(|(name, ..)| Some(*name) == info.constraint_name())
    {
        let errors = match *field {
            "" => Vec::new(),
            field => vec![Violation::new(
                field,
                "already_in_use",
                text!("The value is in use by another record." / "Il valore è già usato da un altro record."),
            )],
        };
        return Problem::new(*code).with(errors);
    }
    let contended = matches!(error, Error::DatabaseError(SerializationFailure, _)) || is_timeout(error);
    if contended || super::session::is_connection_fault(error) {
        tracing::warn!(error = %redacted(error), "the database could not serve a request");
        return Problem::new(Code::Unavailable);
    }
    tracing::error!(error = %redacted(error), "a database statement failed");
    Problem::new(Code::Internal)
}

fn is_timeout(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, info)
        if ["deadlock detected", "lock timeout", "statement timeout"].iter().any(|sign| info.message().contains(sign)))
}

/// The database's message without its details, which may repeat the values of a row.
fn redacted(error: &Error) -> String {
    match error {
        Error::DatabaseError(kind, info) => match info.constraint_name() {
            Some(name) => format!("{kind:?}: constraint {name}"),
            None => format!("{kind:?}: {}", info.message()),
        },
        Error::DeserializationError(_) => "a row cannot be read by its model".to_owned(),
        other => other.to_string(),
    }
}
