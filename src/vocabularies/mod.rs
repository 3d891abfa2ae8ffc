//! The vocabularies: every list of codes that a record may refer to, held in memory and served to whoever integrates.
//!
//! | where | what |
//! |---|---|
//! | `vocabulary` | [`Vocabulary`] and [`Entry`]: look-up on a date, "did you mean", search |
//! | `published` | the lists others publish, read from the tables of `data/`: provinces, municipalities, ATECO 2007, education levels, legal forms, contract types |
//! | [`codes`] | codes as filters take them |
//! | `closed` | the lists this service's contract closes: categories, kinds, states, working times |
//! | here | the registry ([`all`], [`get`]) and a typed question per published list |
//!
//! To add a vocabulary: write a function in `published` or `closed` that builds it, and add a line to `load`. The
//! tests then demand a source, a licence, both titles and unique periods of it.
//!
//! **Dates.** A code may come, go, and come back with another meaning. `valid_from` is the first day an entry holds and
//! `valid_to` the first day it no longer does: in ISTAT's table Bardello ends on 2023-01-01, the very day that Bardello
//! con Malgesso e Bregano begins, and no two rows of one code overlap. A code is therefore judged on a date.
//!
//! Nothing here knows the database or the clock.

pub mod checks;
mod closed;
pub mod codes;
mod published;
pub mod routes;
pub mod terms;
#[cfg(test)]
mod tests;
mod text;
mod vocabulary;

use std::sync::LazyLock;

use chrono::NaiveDate;

pub use vocabulary::{Entry, Lookup, Vocabulary};

static REGISTRY: LazyLock<Vec<Vocabulary>> =
    LazyLock::new(|| load().expect("the tables of data/ are part of the program, and a test reads them all"));

/// Reads every vocabulary.
///
/// Errors: a table of `data/` that is not what `published` expects.
fn load() -> Result<Vec<Vocabulary>, csv::Error> {
    let mut all = vec![
        published::provinces()?,
        published::municipalities()?,
        published::ateco_2007()?,
        published::education_levels()?,
        published::legal_forms()?,
        published::contract_types()?,
    ];
    all.extend(closed::all());
    Ok(all)
}

/// Every vocabulary, published ones first. The first call reads the tables (some milliseconds): call it at start-up, so
/// that no request pays for it.
pub fn all() -> &'static [Vocabulary] {
    &REGISTRY
}

/// The vocabulary of a kebab-case name, such as `contract-types`.
pub fn get(name: &str) -> Option<&'static Vocabulary> {
    all().iter().find(|vocabulary| vocabulary.name == name)
}

/// The municipality that an ISTAT code of Lombardy meant on a date.
pub fn municipality_on(istat: &str, date: NaiveDate) -> Lookup<'static> {
    get("municipalities").map_or(Lookup::Unknown, |vocabulary| vocabulary.on(istat, date))
}

/// A province of Lombardy by its two letters.
pub fn province(code: &str) -> Option<&'static Entry> {
    latest("provinces", code)
}

/// A type of contract by its code in the employer notices.
pub fn contract_type(code: &str) -> Option<&'static Entry> {
    latest("contract-types", code)
}

/// An activity of ATECO 2007, from section to subcategory. Codes of other editions are unknown here.
pub fn ateco(code: &str) -> Option<&'static Entry> {
    latest("ateco-2007", code)
}

/// A level of education.
pub fn education_level(code: &str) -> Option<&'static Entry> {
    latest("education-levels", code)
}

/// A legal form.
pub fn legal_form(code: &str) -> Option<&'static Entry> {
    latest("legal-forms", code)
}

fn latest(vocabulary: &str, code: &str) -> Option<&'static Entry> {
    get(vocabulary)?.latest(code)
}

/// When a contract of some type counts as a placement: what this project proposes, for a call to take over or replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlacementRule {
    /// Whatever its duration.
    Always,
    /// From the minimum duration on that the call sets.
    MinDuration,
    /// Not at all: a traineeship is an outcome, but no placement.
    Never,
}

impl PlacementRule {
    /// The value of the attribute `counts_as_placement`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::MinDuration => "min_duration",
            Self::Never => "never",
        }
    }
}

/// The placement rule of a contract type; `None` for an unknown type.
pub fn counts_as_placement(contract_type_code: &str) -> Option<PlacementRule> {
    let value = contract_type(contract_type_code)?.attribute("counts_as_placement")?;
    [PlacementRule::Always, PlacementRule::MinDuration, PlacementRule::Never]
        .into_iter()
        .find(|rule| rule.as_str() == value)
}
