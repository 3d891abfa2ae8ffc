//! The codice fiscale of an organisation.

use std::fmt;

use super::check::eleven_digits;
use super::{PersonTaxCode, Reason, Warning};

/// The codice fiscale or partita IVA of an organisation: eleven digits with a check digit, or the personal code of a
/// sole trader, who has no other.
///
/// The eleven digits are public; the personal form is personal data, and `Debug` hides it. There is no `Display`, because
/// a caller that prints "the organisation's code" would print a person's one day. Source: D.M. 23 December 1976.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OrganisationTaxCode(Form);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    Digits(String),
    Personal(PersonTaxCode),
}

impl OrganisationTaxCode {
    /// For the OpenAPI schema: eleven digits or a personal code of sixteen characters.
    pub const PATTERN: &'static str = PersonTaxCode::PATTERN;

    /// Parses a code. Eleven digits are always the organisation's own form, never a person's provisional one.
    ///
    /// Errors: `WrongLength`, `WrongFormat`, `AllZeros`, `WrongCheckCharacter`; for sixteen characters those of
    /// [`PersonTaxCode::parse`].
    pub fn parse(text: &str) -> Result<Self, Reason> {
        if text.len() == 11 {
            eleven_digits(text)?;
            Ok(Self(Form::Digits(text.to_owned())))
        } else {
            PersonTaxCode::parse(text).map(|code| Self(Form::Personal(code)))
        }
    }

    /// The code itself. Personal data when [`is_personal`](Self::is_personal).
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Digits(digits) => digits,
            Form::Personal(code) => code.as_str(),
        }
    }

    /// Whether this is a sole trader's personal code, to be treated as personal data.
    pub fn is_personal(&self) -> bool {
        self.personal().is_some()
    }

    /// The personal code, if this is a sole trader's.
    pub fn personal(&self) -> Option<&PersonTaxCode> {
        match &self.0 {
            Form::Digits(_) => None,
            Form::Personal(code) => Some(code),
        }
    }

    /// What is odd about it: digits 8-10 name the province office that issued the code (001-100, and 120, 121, 888, 999
    /// for other issuers); anything else is rare, but seen.
    pub fn warnings(&self) -> Vec<Warning> {
        let Form::Digits(digits) = &self.0 else {
            return Vec::new();
        };
        let office = digits.get(7..10).and_then(|office| office.parse::<u16>().ok());
        match office {
            Some(1..=100 | 120 | 121 | 888 | 999) => Vec::new(),
            _ => vec![Warning::UnusualOffice],
        }
    }
}

impl fmt::Debug for OrganisationTaxCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Digits(digits) => write!(f, "OrganisationTaxCode({digits})"),
            Form::Personal(_) => f.write_str("OrganisationTaxCode(redacted)"),
        }
    }
}
