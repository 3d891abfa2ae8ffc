//! Codes in requests, checked against the vocabularies.

use chrono::NaiveDate;

use super::{Lookup, get};
use crate::error::Violation;

/// Checks that a code, where there is one, is of the vocabulary and valid on the day.
pub fn known(vocabulary: &str, pointer: &str, code: Option<&str>, day: NaiveDate, violations: &mut Vec<Violation>) {
    let (Some(code), Some(vocabulary)) = (code, get(vocabulary)) else {
        return;
    };
    match vocabulary.on(code, day) {
        Lookup::Found(_) => {}
        Lookup::NotValidOn { nearest } => {
            let since = nearest.valid_from.map(|from| format!(" from {from}")).unwrap_or_default();
            let until = nearest.valid_to.map(|to| format!(" until before {to}")).unwrap_or_default();
            violations.push(Violation::new(
                pointer,
                "not_valid_on_date",
                format!("The code of `{}` is valid{since}{until}, not on {day}.", vocabulary.name),
            ));
        }
        Lookup::Unknown => {
            let detail = match vocabulary.suggest(code) {
                Some(close) => {
                    format!("The code is not in the vocabulary `{}`; did you mean `{close}`?", vocabulary.name)
                }
                None => format!(
                    "The code is not in the vocabulary `{}`: see /v1/vocabularies/{}/entries.",
                    vocabulary.name, vocabulary.name
                ),
            };
            violations.push(Violation::new(pointer, "unknown_code", detail));
        }
    }
}
