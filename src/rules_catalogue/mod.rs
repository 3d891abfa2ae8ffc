//! The codes of the domain's rules, once: what a violation names as its `rule`, and what `/v1/calls/{id}/rules` lists. The
//! numbers are those of the invariants in `docs/domain.md`.

/// Invariant 1: a partnership has enough distinct subjects.
pub const COMPOSITION_MIN_SUBJECTS: &str = "composition.min_subjects";
/// Invariant 2: one of them is an accredited operator that has taken a holder of a Dote in charge.
pub const COMPOSITION_OPERATOR_IN_CHARGE: &str = "composition.accredited_operator_in_charge";
/// Invariant 3: enough others, of the categories that the call lists.
pub const COMPOSITION_OTHER_SUBJECTS: &str = "composition.other_subjects";
/// Invariant 4: what is granted under a call does not exceed its allocation.
pub const CALL_ALLOCATION: &str = "call.allocation";
/// Invariant 5: the worker's Dote is for one of the call's paths.
pub const PARTICIPANT_DOTE_PATH: &str = "participant.dote_path";
/// Invariant 6: complementary initiatives are paid from the members' own resources.
pub const ACTION_COMPLEMENTARY_OWN_RESOURCES: &str = "action.complementary_own_resources";
/// Invariant 7: an operator is accredited on every date on which it delivers a service.
pub const OPERATOR_ACCREDITED_ON_DATE: &str = "operator.accredited_on_date";
/// Invariant 8: a worker has one active Dote, and is in one partnership, at a time.
pub const WORKER_ONE_ACTIVE_DOTE: &str = "worker.one_active_dote";
/// Invariant 9: the same worker, service and period is funded once.
pub const WORKER_DOUBLE_FINANCING: &str = "worker.double_financing";
/// Invariant 9: a worker's day has only so many minutes.
pub const WORKER_DAILY_MINUTES: &str = "worker.daily_minutes";
/// Invariant 10: an action lies within the partnership's life.
pub const ACTION_WITHIN_PARTNERSHIP: &str = "action.within_partnership";
/// Invariant 10: an action lies within the call's window.
pub const ACTION_WITHIN_CALL: &str = "action.within_call";
/// Invariant 10: a worker attends only while the Dote is valid.
pub const ACTION_WITHIN_DOTE: &str = "action.within_dote";
/// Invariant 11: an outcome starts after the Dote does.
pub const OUTCOME_AFTER_DOTE: &str = "outcome.after_dote";
/// Invariant 11: a placement is not with the company that dismissed the worker.
pub const OUTCOME_NOT_DISMISSING_COMPANY: &str = "outcome.not_dismissing_company";
/// Invariant 12: quantity times unit cost is the amount.
pub const MONEY_AMOUNT: &str = "money.amount";
/// Invariant 12: liquidated within approved within requested within budget.
pub const MONEY_ORDER: &str = "money.order";
/// Invariant 13: an operator writes only its own records.
pub const RECORD_OWN: &str = "record.own";
/// Invariant 13: what was accounted for is corrected by a rectification.
pub const RECORD_ACCOUNTED: &str = "record.accounted";
/// Invariant 14: a call takes applications and activity only within its windows.
pub const CALL_OPEN: &str = "call.open";
/// Invariant 14: a closed call takes corrections until its reporting deadline.
pub const CALL_CORRECTIONS: &str = "call.corrections";

/// Later editions: a cohort has enough workers when the partnership is submitted.
pub const COHORT_MIN_SIZE: &str = "cohort.min_size";
/// Later editions: the workers of a cohort come from one company.
pub const COHORT_ONE_CRISIS_COMPANY: &str = "cohort.one_crisis_company";
/// Later editions: what one partnership is granted at most.
pub const GRANT_MAXIMUM: &str = "grant.maximum";
/// Later editions: how long a partnership lasts at most.
pub const PARTNERSHIP_MAX_LIFE: &str = "partnership.max_life";
/// Later editions: only definitive accreditation counts.
pub const ACCREDITATION_DEFINITIVE: &str = "accreditation.definitive";
/// Later editions: every operator has a site in Lombardy.
pub const OPERATOR_SITE_IN_LOMBARDY: &str = "operator.site_in_lombardy";

/// Invariant 10, for the partnership itself: its life lies within the call's window for activities.
pub const PARTNERSHIP_WITHIN_CALL: &str = "partnership.within_call";

mod table;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use table::RULES;

use crate::calls::model::{Call, CallRules};

/// A rule as data. What a call may set differently comes from the call.
#[derive(Debug)]
pub struct Rule {
    /// Its stable code.
    pub code: &'static str,
    /// Number of the invariant it belongs to; `None` for rules of later editions.
    pub invariant: Option<u8>,
    /// English title.
    pub title_en: &'static str,
    /// Italian title.
    pub title_it: &'static str,
    /// Where it comes from.
    pub citation: &'static str,
    /// Whether a call has it.
    pub in_force: fn(&CallRules) -> bool,
    /// What a call sets it to.
    pub parameters: fn(&Call) -> Value,
    /// Facts that it accepts, and facts that it refuses.
    pub examples: fn(&Call) -> (Value, Value),
}

/// The rule of a code.
pub fn rule(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}
