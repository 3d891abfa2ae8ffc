//! Codes in requests, checked against the vocabularies.

use chrono::NaiveDate;

use super::{Lookup, get};
use crate::error::Violation;
use crate::text;
use crate::text::Text;

/// Checks that a code, where there is one, is of the vocabulary and valid on the day.
pub fn known(vocabulary: &str, pointer: &str, code: Option<&str>, day: NaiveDate, violations: &mut Vec<Violation>) {
    let (Some(code), Some(vocabulary)) = (code, get(vocabulary)) else {
        return;
    };
    match vocabulary.on(code, day) {
        Lookup::Found(_) => {}
        Lookup::NotValidOn { nearest } => {
            let bound = |word: &str, day: Option<NaiveDate>| day.map(|day| format!("{word}{day}")).unwrap_or_default();
            let (since, until) = (bound(" from ", nearest.valid_from), bound(" until before ", nearest.valid_to));
            let (dal, fino) = (bound(" dal ", nearest.valid_from), bound(" fino a prima del ", nearest.valid_to));
            violations.push(Violation::new(
                pointer,
                "not_valid_on_date",
                Text::new(
                    format_args!("The code of `{}` is valid{since}{until}, not on {day}.", vocabulary.name),
                    format_args!("Il codice di `{}` è valido{dal}{fino}, non il {day}.", vocabulary.name),
                ),
            ));
        }
        Lookup::Unknown => {
            let detail = match vocabulary.suggest(code) {
                Some(close) => {
                    text!(
                        "The code is not in the vocabulary `{}`; did you mean `{close}`?"
                            / "Il codice non è nel vocabolario `{}`; si intendeva `{close}`?",
                        vocabulary.name
                    )
                }
                None => text!(
                    "The code is not in the vocabulary `{}`: see /v1/vocabularies/{}/entries."
                        / "Il codice non è nel vocabolario `{}`: vedere /v1/vocabularies/{}/entries.",
                    vocabulary.name,
                    vocabulary.name
                ),
            };
            violations.push(Violation::new(pointer, "unknown_code", detail));
        }
    }
}
