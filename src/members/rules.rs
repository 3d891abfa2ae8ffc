//! What must hold of a member, and of the partnership that it changes. Pure: facts in, violations out.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use super::model::Member;
use crate::calls::model::CallRules;
use crate::error::{Code, Problem, Violation};
use crate::organisations::model::Organisation;
use crate::partnerships::composition::{Finding, check_composition, violations};
use crate::partnerships::network::{Membership, Network};
use crate::rules_catalogue::{ACCREDITATION_DEFINITIVE, OPERATOR_ACCREDITED_ON_DATE};
use crate::text;

/// What a membership is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The call's rules.
    pub rules: &'a CallRules,
    /// Last day of the partnership's life.
    pub ends_on: NaiveDate,
    /// Today in Italy.
    pub today: NaiveDate,
}

/// Checks a membership by itself: its dates, its category, and the accreditation of an operator. What is there already is not
/// judged again unless it changes, so that an operator whose accreditation has ended can still leave.
pub fn check(
    member: &Member,
    before: Option<&Member>,
    organisation: &Organisation,
    terms: Terms<'_>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    if member.left_on.is_some_and(|left| left < member.joined_on) {
        violations.push(Violation::new(
            "/left_on",
            "ends_before_start",
            text!("The last day lies before the first." / "L'ultimo giorno precede il primo."),
        ));
    }
    if member.joined_on > terms.ends_on {
        let detail = text!(
            "The partnership ends on {}: nobody joins it after that."
                / "Il partenariato termina il {}: dopo nessuno vi aderisce.",
            terms.ends_on
        );
        violations.push(Violation::new("/joined_on", "outside_partnership", detail));
    }
    let rules = terms.rules;
    let is_operator = rules.operator_categories.contains(&member.category);
    if !is_operator && !rules.other_categories.contains(&member.category) {
        let admitted: Vec<&str> =
            rules.operator_categories.iter().chain(&rules.other_categories).map(|category| category.as_str()).collect();
        let detail = text!("The call admits: {}." / "L'avviso ammette: {}.", admitted.join(", "));
        violations.push(Violation::new("/category", "not_admitted", detail));
    }
    let judged = before.is_none_or(|before| (before.category, before.joined_on) != (member.category, member.joined_on));
    if is_operator && judged {
        violations.extend(accreditation(member.joined_on, organisation, terms));
    }
    violations
}

/// Invariant 7: on the day it joins, or at least today.
fn accreditation(joined_on: NaiveDate, organisation: &Organisation, terms: Terms<'_>) -> Option<Violation> {
    let holds = |definitive_only: bool| {
        [joined_on, terms.today].into_iter().any(|day| organisation.accredited_on(day, definitive_only))
    };
    if !holds(false) {
        let detail = text!(
            "In a category of operators the organisation has to be accredited on the day it joins, or today."
                / "In una categoria di operatori il soggetto deve essere accreditato il giorno in cui aderisce, o oggi."
        );
        return Some(Violation::of_rule(OPERATOR_ACCREDITED_ON_DATE, "/organisation", detail));
    }
    if terms.rules.definitive_accreditation_only && !holds(true) {
        let detail = text!(
            "Under this call only definitive accreditation counts, and the organisation's is provisional."
                / "In questo avviso conta solo l'accreditamento definitivo, e quello del soggetto è provvisorio."
        );
        return Some(Violation::of_rule(ACCREDITATION_DEFINITIVE, "/organisation", detail));
    }
    None
}

/// The facts of a member that a composition is judged on.
pub fn membership(member: &Member) -> Membership {
    Membership {
        id: member.meta.id,
        organisation_id: member.organisation_id.uuid(),
        category: member.category,
        joined_on: member.joined_on,
        left_on: member.left_on,
    }
}

/// Rules of composition that a change would break and that held before it (invariants 1 to 3): today, and on every later day
/// of the partnership's life on which somebody joins or has left, so that a departure announced for tomorrow is judged like
/// one of today, and is remembered when another one goes.
pub fn check_change(before: &Network, after: &Network, terms: Terms<'_>) -> Vec<Violation> {
    let turns = before.members.iter().chain(&after.members).flat_map(|member| {
        let gone = member.left_on.and_then(|left| left.checked_add_days(Days::new(1)));
        [Some(member.joined_on), gone].into_iter().flatten()
    });
    let days: BTreeSet<NaiveDate> =
        turns.filter(|day| terms.today < *day && *day <= terms.ends_on).chain(std::iter::once(terms.today)).collect();
    let judge =
        |network: &Network, day: NaiveDate| check_composition(&network.composition(day), terms.rules, terms.today);
    let mut broken: Vec<Finding> = Vec::new();
    for day in days {
        let held_before = judge(before, day);
        let newly = judge(after, day).into_iter().filter(|finding| {
            finding.is_violated() && held_before.iter().any(|held| held.rule == finding.rule && !held.is_violated())
        });
        for finding in newly {
            if broken.iter().all(|found| found.rule != finding.rule) {
                broken.push(finding);
            }
        }
    }
    violations(&broken)
}

/// An organisation leaves, or stays only until a day, once it is in charge of nobody.
pub fn check_leaving(member: &Member, before: Option<&Member>, network: &Network) -> Result<(), Problem> {
    let leaves = member.left_on.is_some() && before.is_none_or(|before| before.left_on != member.left_on);
    let workers = network.workers_of(member.organisation_id.uuid()).current;
    // With another membership that goes on it does not leave the partnership.
    let stays = network.members.iter().any(|other| {
        other.id != member.meta.id && other.organisation_id == member.organisation_id.uuid() && other.left_on.is_none()
    });
    if leaves && workers > 0 && !stays {
        let detail = text!(
            "The organisation is still in charge of {workers} workers of the partnership."
                / "Il soggetto ha ancora in carico {workers} lavoratori del partenariato."
        );
        return Err(Problem::because(Code::StillReferenced, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
