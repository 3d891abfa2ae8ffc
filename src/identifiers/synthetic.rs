//! Valid codes that belong to nobody: for the demo data, examples and tests. The same arguments always give the same code.
//!
//! The functions panic on arguments that cannot be (31 February), as their callers write the arguments down themselves
//! and have nobody to report to. Nothing that comes from outside may be passed here.

use chrono::NaiveDate;

use super::check::{OMOCODIA, person_letter, vat_digit};
use super::person::MONTHS;
use super::{Cob, Cup, OrganisationTaxCode, PersonTaxCode, Reason, Sex};

/// A personal tax code. Of `surname_letters` and `name_letters` the first three letters count, filled up with `X`; the
/// rule by which they are drawn from a name is left to the caller.
///
/// # Panics
///
/// When the date does not exist or `belfiore` is not a letter and three digits.
pub fn person(
    surname_letters: &str,
    name_letters: &str,
    year: i32,
    month: u32,
    day: u32,
    sex: Sex,
    belfiore: &str,
) -> PersonTaxCode {
    assert!(NaiveDate::from_ymd_opt(year, month, day).is_some(), "a synthetic person was born on a day that is not");
    let month_letter = (1..).zip(MONTHS).find_map(|(number, letter)| (number == month).then_some(char::from(*letter)));
    let text = format!(
        "{}{}{:02}{}{:02}{belfiore}",
        three_letters(surname_letters),
        three_letters(name_letters),
        year.rem_euclid(100),
        month_letter.unwrap_or('A'),
        match sex {
            Sex::Male => day,
            Sex::Female => day + 40,
        },
    );
    sealed(&text)
}

/// The same person's code after omocodia: the digits of `subset` are replaced by letters, bit 0 the rightmost of the seven
/// that may be (positions 15, 14, 13, 11, 10, 8, 7). A provisional code comes back unchanged.
pub fn with_omocodia(code: &PersonTaxCode, subset: u8) -> PersonTaxCode {
    if code.is_provisional() {
        return code.clone();
    }
    const POSITIONS: [usize; 7] = [15, 14, 13, 11, 10, 8, 7];
    let replaced =
        |position: usize| POSITIONS.iter().enumerate().any(|(bit, at)| *at == position && subset >> bit & 1 == 1);
    let text: String = (1..)
        .zip(code.as_str().bytes())
        .take(15)
        .map(|(position, byte)| match byte {
            b'0'..=b'9' if replaced(position) => {
                char::from(OMOCODIA.get(usize::from(byte - b'0')).copied().unwrap_or(byte))
            }
            _ => char::from(byte),
        })
        .collect();
    sealed(&text)
}

/// An organisation's tax code: seven digits of `serial`, three of the issuing `office` (001-100 are the usual ones) and
/// the check digit. Larger numbers lose their front digits.
///
/// # Panics
///
/// When both numbers are zero: that code is invalid.
pub fn organisation(serial: u32, office: u16) -> OrganisationTaxCode {
    let body = format!("{:07}{:03}", serial % 10_000_000, office % 1_000);
    made(OrganisationTaxCode::parse(&format!("{body}{}", vat_digit(&body))))
}

/// The code of an employer notice: `serial` in sixteen digits. Larger numbers lose their front digits.
pub fn cob(serial: u64) -> Cob {
    made(Cob::parse(&format!("{:016}", serial % 10_000_000_000_000_000)))
}

/// The code of a project that was registered in `year`, with a `serial` of up to seven digits.
pub fn cup(year: i32, serial: u32) -> Cup {
    made(Cup::parse(&format!("E00D{:02}{:07}09", year.rem_euclid(100), serial % 10_000_000)))
}

/// Puts the check letter behind fifteen characters.
fn sealed(text: &str) -> PersonTaxCode {
    made(PersonTaxCode::parse(&format!("{text}{}", char::from(person_letter(text)))))
}

fn made<T>(result: Result<T, Reason>) -> T {
    result.unwrap_or_else(|reason| panic!("a synthetic code was asked for that cannot be: {reason}"))
}

fn three_letters(text: &str) -> String {
    let letters = text.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase());
    letters.chain(std::iter::repeat('X')).take(3).collect()
}
