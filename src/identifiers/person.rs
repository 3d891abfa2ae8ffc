//! The codice fiscale of a person.

use std::fmt;

use chrono::{Datelike, NaiveDate};

use super::check::{eleven_digits, fits, omocodia_digit, person_letter, takes};
use super::{Reason, Warning};

/// The shape of the long form, in the language of [`fits`].
const SHAPE: &[u8; 16] = b"AAAAAAOOAOOAOOOA";

/// The letters of the months, January to December.
pub(super) const MONTHS: &[u8; 12] = b"ABCDEHLMPRST";

/// What a tax code says a person's sex is; the registry knows two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sex {
    /// Day of birth written as it is.
    Male,
    /// Day of birth written plus forty.
    Female,
}

impl Sex {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
        }
    }
}

/// The codice fiscale of a person: sixteen characters with a check letter, or the eleven digits that are given
/// provisionally until the registry has the full particulars.
///
/// Personal data. It has no `Display` and no serialisation, and `Debug` hides it, so that it reaches a log, a URL or an
/// error message only if someone writes `as_str` there. Source: D.M. 23 December 1976; D.P.R. 605/1973.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PersonTaxCode(String);

/// What the long form says about the person it was made for.
struct Particulars {
    year_in_century: i32,
    month: u32,
    day: u32,
    sex: Sex,
}

impl Particulars {
    /// The date of birth, if the person was born in the century that starts at `century`.
    fn born_in(&self, century: i32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(century + self.year_in_century, self.month, self.day)
    }
}

impl PersonTaxCode {
    /// For the OpenAPI schema: the long form or the provisional one.
    pub const PATTERN: &'static str =
        "^(?:[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]|[0-9]{11})$";

    /// Parses a code; surname and name letters are taken as they are, for they cannot be checked against a name that is
    /// spelled in more than one way.
    ///
    /// Errors, in the order in which they are looked for: `WrongFormat` (blanks around), `WrongLength`, `WrongFormat`,
    /// `AllZeros` (provisional), `WrongCheckCharacter`, `WrongMonth`, `WrongDay`, `NoSuchDate`. The check letter comes
    /// before the date, because a mistyped character is by far the likeliest cause of both.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        if text.len() == 11 {
            eleven_digits(text)?;
        } else {
            fits(SHAPE, text)?;
            if text.bytes().next_back() != Some(person_letter(text)) {
                return Err(Reason::WrongCheckCharacter);
            }
            particulars(text)?;
        }
        Ok(Self(text.to_owned()))
    }

    /// The code itself. Mind where it goes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the provisional form of eleven digits, which says nothing about the person.
    pub fn is_provisional(&self) -> bool {
        self.0.len() == 11
    }

    /// The year of birth: the latest one that is not in the future. A code has two digits for it, so someone over a
    /// hundred is taken for a child. `None` for the provisional form.
    pub fn birth_year_in(&self, today: NaiveDate) -> Option<i32> {
        let particulars = particulars(&self.0).ok()?;
        let this_century = today.year().div_euclid(100) * 100;
        // Three are enough: a 29 February that one century lacks is in the next one back or on.
        [0, 100, 200]
            .into_iter()
            .filter_map(|back| particulars.born_in(this_century - back))
            .find(|born| *born <= today)
            .map(|born| born.year())
    }

    /// The sex, after decoding omocodia. `None` for the provisional form.
    pub fn sex(&self) -> Option<Sex> {
        particulars(&self.0).ok().map(|found| found.sex)
    }

    /// Compares the code with what a person is said to be. A mismatch is a warning, never an error: codes outlive
    /// corrected registrations and changes of sex, and the code stays valid. Empty for the provisional form.
    pub fn agrees_with(&self, birth_year: i32, sex: Sex) -> Vec<Warning> {
        let Ok(found) = particulars(&self.0) else {
            return Vec::new();
        };
        let mut warnings = Vec::new();
        let century = birth_year - birth_year.rem_euclid(100);
        // Building the date also notices a 29 February in a year that had none.
        if found.born_in(century).map(|born| born.year()) != Some(birth_year) {
            warnings.push(Warning::BirthYearMismatch);
        }
        if found.sex != sex {
            warnings.push(Warning::SexMismatch);
        }
        warnings
    }

    /// Whether a text contains what looks like a personal tax code of sixteen characters: for refusing one in an external
    /// id or in free text, where it would be stored and logged in the clear.
    ///
    /// Written together, in either case, the shape is enough, even inside a longer word and with a wrong check letter: a
    /// mistyped code still names its person. Written in groups ("VRF LFA 70A01 F205B"), it must be a valid code from one
    /// word's start to another's end, or ordinary prose would now and then be refused.
    pub fn looks_like(text: &str) -> bool {
        // One entry per letter or digit: the character in upper case, and the number of its word. Anything that is
        // neither that nor a separator becomes a zero byte, which fits no shape.
        let mut word = 1_usize;
        let mut letters: Vec<(u8, usize)> = vec![(0, 0)];
        for character in text.chars() {
            match u8::try_from(character.to_ascii_uppercase()) {
                Ok(byte) if byte.is_ascii_alphanumeric() => letters.push((byte, word)),
                _ if character.is_whitespace() || "-./_".contains(character) => word += 1,
                _ => {
                    word += 1;
                    letters.push((0, word));
                }
            }
        }
        letters.push((0, word + 1));
        letters.windows(SHAPE.len() + 2).any(|window| {
            // A neighbour on each side tells whether the sixteen begin and end with words.
            let [(_, before), middle @ .., (_, after)] = window else {
                return false;
            };
            let [(_, first), .., (_, last)] = middle else {
                return false;
            };
            if !SHAPE.iter().zip(middle).all(|(slot, (byte, _))| takes(*slot, *byte)) {
                return false;
            }
            let candidate: String = middle.iter().map(|(byte, _)| char::from(*byte)).collect();
            if first == last {
                return month(&candidate).is_some();
            }
            before != first && after != last && Self::parse(&candidate).is_ok()
        })
    }
}

impl fmt::Debug for PersonTaxCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonTaxCode(redacted)")
    }
}

/// The month of a code of the long form, 1 to 12.
fn month(text: &str) -> Option<u32> {
    let letter = *text.as_bytes().get(8)?;
    (1..).zip(MONTHS).find_map(|(number, month)| (*month == letter).then_some(number))
}

/// Reads the long form. The format must have been checked.
///
/// Errors: `WrongMonth`, `WrongDay`, `NoSuchDate`; `WrongLength` for the provisional form, which holds none of this.
fn particulars(text: &str) -> Result<Particulars, Reason> {
    let [_, _, _, _, _, _, year_tens, year_units, _, day_tens, day_units, ..] = text.as_bytes() else {
        return Err(Reason::WrongLength);
    };
    if text.len() != SHAPE.len() {
        return Err(Reason::WrongLength);
    }
    let two_digits = |tens: u8, units: u8| Some(omocodia_digit(tens)? * 10 + omocodia_digit(units)?);
    let year = two_digits(*year_tens, *year_units).ok_or(Reason::WrongFormat)?;
    let written_day = two_digits(*day_tens, *day_units).ok_or(Reason::WrongFormat)?;
    let (day, sex) = match written_day {
        1..=31 => (written_day, Sex::Male),
        41..=71 => (written_day - 40, Sex::Female),
        _ => (0, Sex::Male),
    };
    let found = Particulars {
        year_in_century: i32::try_from(year).map_err(|_| Reason::WrongFormat)?,
        month: month(text).ok_or(Reason::WrongMonth)?,
        day,
        sex,
    };
    if day == 0 {
        return Err(Reason::WrongDay);
    }
    // 1900 had no 29 February and 2000 had one: between them they hold every date that two digits can mean.
    if found.born_in(1900).or_else(|| found.born_in(2000)).is_none() {
        return Err(Reason::NoSuchDate);
    }
    Ok(found)
}
