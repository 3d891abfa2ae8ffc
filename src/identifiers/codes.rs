//! The short codes: projects, employer notices, places, agreements, activities, professions, vouchers, digests.

use std::fmt;

use super::check::fits;
use super::{PersonTaxCode, Reason};

/// Declares a code that is a text: what is stored, its pattern, and the function that judges it.
macro_rules! code {
    ($(#[$doc:meta])* $name:ident, $pattern:literal, $judge:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// For the OpenAPI schema.
            pub const PATTERN: &'static str = $pattern;

            /// Parses a code; for the errors see the type.
            pub fn parse(text: &str) -> Result<Self, Reason> {
                let judge: fn(&str) -> Result<(), Reason> = $judge;
                judge(text)?;
                Ok(Self(text.to_owned()))
            }

            /// The code itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

code! {
    /// CUP, *codice unico di progetto*: a letter, two digits, a letter, eleven digits. Every public investment has one.
    ///
    /// Errors: `WrongLength`, `WrongFormat`. Source: l. 3/2003 art. 11.
    Cup, "^[A-Z][0-9]{2}[A-Z][0-9]{11}$", |text| fits(b"A99A99999999999", text)
}

code! {
    /// COB, the protocol code of a mandatory employer notice (*comunicazione obbligatoria*): sixteen digits.
    ///
    /// Errors: `WrongLength`, `WrongFormat`. Source: D.M. 30 October 2007.
    Cob, "^[0-9]{16}$", |text| fits(&[b'9'; 16], text)
}

code! {
    /// The land registry's code of a municipality or foreign country, as used in personal tax codes: `F205` is Milano.
    ///
    /// Errors: `WrongLength`, `WrongFormat`.
    Belfiore, "^[A-Z][0-9]{3}$", |text| fits(b"A999", text)
}

code! {
    /// ISTAT's code of a municipality: six digits, the first three the province. Codes come and go with mergers, so
    /// whether one exists is a question with a date: `vocabularies::municipality_on`.
    ///
    /// Errors: `WrongLength`, `WrongFormat`.
    IstatMunicipality, "^[0-9]{6}$", |text| fits(b"999999", text)
}

code! {
    /// CNEL's code of a national collective agreement (CCNL): a letter and three letters or digits.
    ///
    /// Errors: `WrongLength`, `WrongFormat`. Source: d.l. 76/2020 art. 16-quater.
    Ccnl, "^[A-Z][A-Z0-9]{3}$", |text| fits(b"AXXX", text)
}

code! {
    /// A SHA-256 digest in lower-case hexadecimal: what is kept of a deliverable.
    ///
    /// Errors: `WrongLength`, `WrongFormat`.
    Sha256Hex, "^[0-9a-f]{64}$", |text| fits(&[b'h'; 64], text)
}

code! {
    /// The number of a Dote. Its format is not public, so it is opaque: 1 to 40 upper-case letters, digits, `/` and `-`.
    ///
    /// Errors: `WrongLength`, `WrongFormat`, and `ContainsTaxCode`, which the pattern cannot say: the number is printed
    /// and logged, so it must not carry a person's code.
    DoteNumber, "^[A-Z0-9/-]{1,40}$", |text| {
        if !(1..=40).contains(&text.chars().count()) {
            Err(Reason::WrongLength)
        } else if !text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-')) {
            Err(Reason::WrongFormat)
        } else if PersonTaxCode::looks_like(text) {
            Err(Reason::ContainsTaxCode)
        } else {
            Ok(())
        }
    }
}

code! {
    /// A profession of ISTAT's classification, one to five levels of one digit: `3`, `3.4.5.1`, `3.4.5.1.0`. CP2011 and
    /// CP2021 have the same shape.
    ///
    /// Errors: `WrongFormat`.
    Profession, "^[1-9](?:\\.[0-9]){0,4}$", |text| {
        let shape: &[u8] = b"9.9.9.9.9";
        let right = text.len() % 2 == 1
            && text.len() <= shape.len()
            && !text.starts_with('0')
            && text.bytes().zip(shape).all(|(byte, slot)| if *slot == b'.' { byte == b'.' } else { byte.is_ascii_digit() });
        if right { Ok(()) } else { Err(Reason::WrongFormat) }
    }
}

impl IstatMunicipality {
    /// ISTAT's three digits of the province.
    pub fn province(&self) -> &str {
        self.0.get(..3).unwrap_or_default()
    }
}

impl Profession {
    /// How many levels the code has, 1 (major group) to 5 (unit).
    pub fn level(&self) -> usize {
        self.0.len().div_ceil(2)
    }
}

/// An edition of ATECO. The two share the shape but not the codes, so a code without its edition means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AtecoEdition {
    /// ATECO 2007, with its update of 2021.
    Ateco2007,
    /// ATECO 2025.
    Ateco2025,
}

impl AtecoEdition {
    /// The year by which the edition is known.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ateco2007 => "2007",
            Self::Ateco2025 => "2025",
        }
    }

    /// The edition of a year as [`as_str`](Self::as_str) writes it.
    ///
    /// Errors: `WrongFormat` for any other text.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        [Self::Ateco2007, Self::Ateco2025]
            .into_iter()
            .find(|edition| edition.as_str() == text)
            .ok_or(Reason::WrongFormat)
    }
}

/// An economic activity: an edition of ATECO and a code from section to subcategory: `C`, `25`, `25.1`, `25.11`,
/// `25.11.0`, `25.11.00`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ateco {
    edition: AtecoEdition,
    code: String,
}

impl Ateco {
    /// For the OpenAPI schema; both editions share it. 2025 has one section more (`V`), which 2007's vocabulary does
    /// not know.
    pub const PATTERN: &'static str = "^(?:[A-V]|[0-9]{2}(?:\\.[0-9]{1,2}|\\.[0-9]{2}\\.[0-9]{1,2})?)$";

    /// Parses a code of an edition.
    ///
    /// Errors: `WrongFormat`.
    pub fn parse(edition: AtecoEdition, text: &str) -> Result<Self, Reason> {
        let shape: &[u8] = b"99.99.99";
        let right = match text.as_bytes() {
            [section] => (b'A'..=b'V').contains(section),
            bytes => {
                matches!(bytes.len(), 2 | 4 | 5 | 7 | 8)
                    && bytes.iter().zip(shape).all(
                        |(byte, slot)| {
                            if *slot == b'.' { *byte == b'.' } else { byte.is_ascii_digit() }
                        },
                    )
            }
        };
        if right { Ok(Self { edition, code: text.to_owned() }) } else { Err(Reason::WrongFormat) }
    }

    /// The edition.
    pub const fn edition(&self) -> AtecoEdition {
        self.edition
    }

    /// The code without the edition.
    pub fn as_str(&self) -> &str {
        &self.code
    }
}
