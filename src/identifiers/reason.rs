//! Why a code is refused, and what is odd about one that is not. The texts never repeat the code itself.

use crate::text::Text;
use std::fmt;

/// Why a text is not the code it should be.
///
/// `Display` is [`Reason::detail_en`]. The offending value is not kept: it may be a tax code, and errors are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.detail_en())]
pub enum Reason {
    /// Too short or too long.
    WrongLength,
    /// A character that may not stand where it stands; also lower case and surrounding blanks.
    WrongFormat,
    /// Well formed, but its check digit or letter contradicts the rest: almost always a slip of the keyboard.
    WrongCheckCharacter,
    /// The month letter of a person's code is none of A B C D E H L M P R S T.
    WrongMonth,
    /// The day of a person's code is neither 1-31 (men) nor 41-71 (women).
    WrongDay,
    /// The day and month of a person's code exist in no century of its year.
    NoSuchDate,
    /// Eleven zeros: the check digit is right, the code is nobody's.
    AllZeros,
    /// An opaque reference holds a person's tax code, which must not travel in the clear.
    ContainsTaxCode,
}

impl Reason {
    /// Every reason, for tables and tests that must not forget one.
    pub const ALL: [Self; 8] = [
        Self::WrongLength,
        Self::WrongFormat,
        Self::WrongCheckCharacter,
        Self::WrongMonth,
        Self::WrongDay,
        Self::NoSuchDate,
        Self::AllZeros,
        Self::ContainsTaxCode,
    ];

    /// The stable code that clients may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::WrongLength => "wrong_length",
            Self::WrongFormat => "wrong_format",
            Self::WrongCheckCharacter => "wrong_check_character",
            Self::WrongMonth => "wrong_month",
            Self::WrongDay => "wrong_day",
            Self::NoSuchDate => "no_such_date",
            Self::AllZeros => "all_zeros",
            Self::ContainsTaxCode => "contains_tax_code",
        }
    }

    /// What is wrong, in English.
    pub const fn detail_en(self) -> &'static str {
        match self {
            Self::WrongLength => "the code has the wrong length",
            Self::WrongFormat => "a character is not allowed where it stands (upper case only, no surrounding blanks)",
            Self::WrongCheckCharacter => "the check character does not match the rest of the code",
            Self::WrongMonth => "the month letter does not exist",
            Self::WrongDay => "the day of birth is not 1-31 or 41-71",
            Self::NoSuchDate => "the date of birth does not exist",
            Self::AllZeros => "a code of zeros belongs to nobody",
            Self::ContainsTaxCode => "a reference must not contain the tax code of a person",
        }
    }

    /// What is wrong, in Italian.
    pub const fn detail_it(self) -> &'static str {
        match self {
            Self::WrongLength => "il codice ha una lunghezza errata",
            Self::WrongFormat => "un carattere non è ammesso nella sua posizione (solo maiuscole, senza spazi attorno)",
            Self::WrongCheckCharacter => "il carattere di controllo non corrisponde al resto del codice",
            Self::WrongMonth => "la lettera del mese non esiste",
            Self::WrongDay => "il giorno di nascita non è tra 1 e 31 o tra 41 e 71",
            Self::NoSuchDate => "la data di nascita non esiste",
            Self::AllZeros => "un codice di soli zeri non appartiene a nessuno",
            Self::ContainsTaxCode => "un riferimento non deve contenere il codice fiscale di una persona",
        }
    }
}

/// Something odd about a code that is accepted all the same: registers hold such cases, so refusing them would shut
/// real people and organisations out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Warning {
    /// The code was made for a birth in another year than the one stated.
    BirthYearMismatch,
    /// The code was made for the other sex than the one stated.
    SexMismatch,
    /// Digits 8-10 of an organisation's code name no office that issues codes.
    UnusualOffice,
}

impl Reason {
    /// What is wrong, for an answer.
    pub fn text(self) -> Text {
        Text::new(format_args!("{}", self.detail_en()), format_args!("{}", self.detail_it()))
    }
}

impl Warning {
    /// The stable code that clients may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BirthYearMismatch => "birth_year_mismatch",
            Self::SexMismatch => "sex_mismatch",
            Self::UnusualOffice => "unusual_office",
        }
    }

    /// What is odd, in English.
    pub const fn detail_en(self) -> &'static str {
        match self {
            Self::BirthYearMismatch => "the tax code was made for another year of birth",
            Self::SexMismatch => "the tax code was made for the other sex",
            Self::UnusualOffice => "digits 8-10 of the tax code name no known office",
        }
    }

    /// What is odd, in Italian.
    pub const fn detail_it(self) -> &'static str {
        match self {
            Self::BirthYearMismatch => "il codice fiscale indica un altro anno di nascita",
            Self::SexMismatch => "il codice fiscale indica l'altro sesso",
            Self::UnusualOffice => "le cifre 8-10 del codice fiscale non indicano un ufficio noto",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail_en())
    }
}
