//! The rules of composition (invariants 1 to 3, and what later editions add). Pure: facts in, findings out.
//!
//! Submission, activation, every change of a member and `GET /v1/partnerships/{id}/composition` share these functions.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::network::CohortFacts;
use crate::calls::model::CallRules;
use crate::code_enum;
use crate::error::Violation;
use crate::organisations::model::Accreditation;
use crate::rules_catalogue::{
    ACCREDITATION_DEFINITIVE, COHORT_MIN_SIZE, COHORT_ONE_CRISIS_COMPANY, COMPOSITION_MIN_SUBJECTS,
    COMPOSITION_OPERATOR_IN_CHARGE, COMPOSITION_OTHER_SUBJECTS, OPERATOR_ACCREDITED_ON_DATE, OPERATOR_SITE_IN_LOMBARDY,
};
use crate::text;
use crate::text::{Language, Text};
use crate::vocabularies::terms::MemberCategory;

/// An organisation as a member on the day that is judged.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What tells it from all others.
    pub tax_code: &'a str,
    /// Its name, for people.
    pub name: &'a str,
    /// As what it takes part.
    pub category: MemberCategory,
    /// What the register of labour operators says of it.
    pub accreditation: Option<&'a Accreditation>,
    /// Whether it has a site in Lombardy.
    pub operates_in_lombardy: bool,
    /// Workers with a valid Dote that it has taken in charge.
    pub in_charge: u32,
}

/// What is judged.
#[derive(Clone, Debug)]
pub struct Composition<'a> {
    /// The members of the day; an organisation may stand there twice.
    pub subjects: Vec<Subject<'a>>,
    /// The cohorts.
    pub cohorts: &'a [CohortFacts],
}

code_enum! {
    /// What a rule says of a partnership (esito della verifica).
    pub enum RuleVerdict {
        /// Rispettata.
        Satisfied = "satisfied",
        /// Violata.
        Violated = "violated",
        /// Non prevista dall'avviso.
        NotApplicable = "not_applicable",
    }
}

/// How much of something a rule wants, and how much there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// So much is needed at least; at most, where it is lower than what is present.
    pub needed: i64,
    /// So much there is.
    pub present: i64,
    /// What it is, in words.
    pub what: Text,
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static str,
    /// What it says.
    pub verdict: RuleVerdict,
    /// Why so, in words.
    pub detail: Text,
    /// What is missing, where it is violated.
    pub missing: Option<Missing>,
    /// The field of a partnership that it is about; empty where it is about the whole.
    pub pointer: &'static str,
}

impl Finding {
    /// A rule that the call does not have.
    pub fn not_applicable(rule: &'static str) -> Self {
        Self {
            rule,
            verdict: RuleVerdict::NotApplicable,
            detail: text!("The call does not have this rule." / "L'avviso non ha questa regola."),
            missing: None,
            pointer: "",
        }
    }

    /// A rule that wants at least so much of something.
    pub fn at_least(rule: &'static str, what: Text, needed: u32, present: usize) -> Self {
        let (needed, present) = (i64::from(needed), i64::try_from(present).unwrap_or(i64::MAX));
        let detail = Text::new(
            format_args!("Needed: {needed} {}; present: {present}.", what.get(Language::English)),
            format_args!("Necessari: {needed} {}; presenti: {present}.", what.get(Language::Italian)),
        );
        Self::of(rule, present >= needed, detail, Missing { needed, present, what })
    }

    /// A rule that wants something of all of several: `present` of `needed` have it.
    fn of_all(rule: &'static str, what: Text, all: usize, lacking: &[&str]) -> Self {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (english, italian) = (what.get(Language::English), what.get(Language::Italian));
        let detail = if lacking.is_empty() {
            Text::new(format_args!("All {all} are {english}."), format_args!("Tutti ({all}) sono {italian}."))
        } else {
            let names = lacking.join(", ");
            Text::new(format_args!("Not {english}: {names}."), format_args!("Non sono {italian}: {names}."))
        };
        let missing = Missing { needed: count(all), present: count(all.saturating_sub(lacking.len())), what };
        Self::of(rule, lacking.is_empty(), detail, missing)
    }

    /// A verdict.
    pub fn of(rule: &'static str, holds: bool, detail: Text, missing: Missing) -> Self {
        let verdict = if holds { RuleVerdict::Satisfied } else { RuleVerdict::Violated };
        Self { rule, verdict, detail, missing: (!holds).then_some(missing), pointer: "" }
    }

    /// The same, about one field.
    #[must_use]
    pub const fn at(mut self, pointer: &'static str) -> Self {
        self.pointer = pointer;
        self
    }

    /// Whether the rule is broken.
    pub fn is_violated(&self) -> bool {
        self.verdict == RuleVerdict::Violated
    }
}

/// The broken ones among findings, about the whole request.
pub fn violations(findings: &[Finding]) -> Vec<Violation> {
    findings
        .iter()
        .filter(|finding| finding.is_violated())
        .map(|finding| Violation::of_rule(finding.rule, "", finding.detail.clone()))
        .collect()
}

/// Judges a composition by every rule of composition that there is.
pub fn check_composition(composition: &Composition<'_>, rules: &CallRules, today: NaiveDate) -> Vec<Finding> {
    let Composition { subjects, cohorts } = composition;
    let is_operator = |subject: &&Subject<'_>| rules.operator_categories.contains(&subject.category);
    let operators: Vec<&Subject<'_>> = subjects.iter().filter(is_operator).collect();
    let operator_codes: BTreeSet<&str> = operators.iter().map(|subject| subject.tax_code).collect();
    let distinct: BTreeSet<&str> = subjects.iter().map(|subject| subject.tax_code).collect();
    // One subject counts once: an operator that is also listed as something else is not one of the others.
    let others: BTreeSet<&str> = subjects
        .iter()
        .filter(|subject| rules.other_categories.contains(&subject.category))
        .map(|subject| subject.tax_code)
        .filter(|code| !operator_codes.contains(code))
        .collect();
    vec![
        Finding::at_least(
            COMPOSITION_MIN_SUBJECTS,
            text!("distinct subjects" / "soggetti distinti"),
            rules.min_subjects,
            distinct.len(),
        ),
        operator_in_charge(&operators, rules, today),
        Finding::at_least(
            COMPOSITION_OTHER_SUBJECTS,
            text!("other subjects" / "altri soggetti"),
            rules.min_other_subjects,
            others.len(),
        ),
        accredited(&operators, today),
        definitively_accredited(&operators, rules, today),
        site_in_lombardy(&operators, rules),
        cohort_sizes(cohorts, rules),
        crisis_companies(cohorts, rules),
    ]
}

fn holds(subject: &Subject<'_>, today: NaiveDate, definitive_only: bool) -> bool {
    subject.accreditation.is_some_and(|accreditation| accreditation.holds_on(today, definitive_only))
}

/// Invariant 2.
fn operator_in_charge(operators: &[&Subject<'_>], rules: &CallRules, today: NaiveDate) -> Finding {
    let present = operators
        .iter()
        .filter(|subject| subject.in_charge > 0 && holds(subject, today, rules.definitive_accreditation_only))
        .map(|subject| subject.tax_code)
        .collect::<BTreeSet<_>>()
        .len();
    let what = text!(
        "accredited operators that have taken a holder of a valid Dote in charge"
            / "operatori accreditati che hanno in carico un titolare di Dote valida"
    );
    Finding::at_least(COMPOSITION_OPERATOR_IN_CHARGE, what, 1, present)
}

fn lacking<'a>(operators: &[&Subject<'a>], has: impl Fn(&Subject<'a>) -> bool) -> Vec<&'a str> {
    operators.iter().filter(|subject| !has(subject)).map(|subject| subject.name).collect()
}

/// Invariant 7, today.
fn accredited(operators: &[&Subject<'_>], today: NaiveDate) -> Finding {
    let lacking = lacking(operators, |subject| holds(subject, today, false));
    Finding::of_all(
        OPERATOR_ACCREDITED_ON_DATE,
        text!("operators accredited today" / "operatori oggi accreditati"),
        operators.len(),
        &lacking,
    )
}

fn definitively_accredited(operators: &[&Subject<'_>], rules: &CallRules, today: NaiveDate) -> Finding {
    if !rules.definitive_accreditation_only {
        return Finding::not_applicable(ACCREDITATION_DEFINITIVE);
    }
    let lacking = lacking(operators, |subject| holds(subject, today, true));
    Finding::of_all(
        ACCREDITATION_DEFINITIVE,
        text!("operators with definitive accreditation" / "operatori con accreditamento definitivo"),
        operators.len(),
        &lacking,
    )
}

fn site_in_lombardy(operators: &[&Subject<'_>], rules: &CallRules) -> Finding {
    if !rules.operating_site_in_lombardy {
        return Finding::not_applicable(OPERATOR_SITE_IN_LOMBARDY);
    }
    let lacking = lacking(operators, |subject| subject.operates_in_lombardy);
    Finding::of_all(
        OPERATOR_SITE_IN_LOMBARDY,
        text!("operators with a site in Lombardy" / "operatori con una sede in Lombardia"),
        operators.len(),
        &lacking,
    )
}

fn cohort_sizes(cohorts: &[CohortFacts], rules: &CallRules) -> Finding {
    let Some(needed) = rules.min_cohort_size else {
        return Finding::not_applicable(COHORT_MIN_SIZE);
    };
    match cohorts.iter().map(|cohort| cohort.workers).min() {
        Some(smallest) => {
            let present = usize::try_from(smallest).unwrap_or(usize::MAX);
            Finding::at_least(
                COHORT_MIN_SIZE,
                text!("workers in the smallest cohort" / "lavoratori nel gruppo più piccolo"),
                needed,
                present,
            )
        }
        None => Finding {
            verdict: RuleVerdict::Satisfied,
            detail: text!("There is no cohort." / "Non c'è alcun gruppo."),
            ..Finding::not_applicable(COHORT_MIN_SIZE)
        },
    }
}

fn crisis_companies(cohorts: &[CohortFacts], rules: &CallRules) -> Finding {
    if !rules.one_crisis_company_per_cohort {
        return Finding::not_applicable(COHORT_ONE_CRISIS_COMPANY);
    }
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let named = cohorts.iter().filter(|cohort| cohort.names_company).count();
    let missing = Missing {
        needed: count(cohorts.len()),
        present: count(named),
        what: text!(
            "cohorts that name the company the workers come from"
                / "gruppi che indicano l'impresa da cui provengono i lavoratori"
        ),
    };
    let detail = text!(
        "{named} of {} cohorts name the company the workers come from."
            / "{named} gruppi su {} indicano l'impresa da cui provengono i lavoratori.",
        cohorts.len()
    );
    Finding::of(COHORT_ONE_CRISIS_COMPANY, named == cohorts.len(), detail, missing)
}
