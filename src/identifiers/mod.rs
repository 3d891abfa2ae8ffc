//! The codes that Italian administrations give to people, organisations, places and papers, as types that cannot hold a
//! wrong one.
//!
//! Every type is made by `parse` alone, which answers the value or a [`Reason`]; afterwards nobody needs to check again.
//! What parses is well formed. Whether a code *exists* (this municipality, on that date) is asked of `vocabularies`.
//! Each type carries its `PATTERN`, an ECMA regular expression for the OpenAPI schema: what parses matches it. `\d` is
//! written `[0-9]`, because some clients' engines let `\d` match the digits of other scripts.
//!
//! | where | what |
//! |---|---|
//! | `person` | [`PersonTaxCode`]: the codice fiscale of a person. Personal data: never printed, not even by `Debug` |
//! | `organisation` | [`OrganisationTaxCode`]: eleven digits, or a sole trader's personal code |
//! | `codes` | the short ones: [`Cup`], [`Cob`], [`Belfiore`], [`IstatMunicipality`], [`Ccnl`], [`Sha256Hex`], [`DoteNumber`], [`Ateco`], [`Profession`] |
//! | `reason` | [`Reason`] a code is refused, [`Warning`] about one that is accepted |
//! | `check` | the arithmetic of check digits and check letters |
//! | [`synthetic`] | valid codes of nobody, for demo data and tests |
//!
//! Input is taken strictly: lower case or a surrounding blank is an error, as the contract says. A service that repairs
//! its input ends with two spellings of one worker.

mod check;
mod codes;
mod organisation;
mod person;
mod reason;
pub mod synthetic;
#[cfg(test)]
mod tests;

pub use codes::{Ateco, AtecoEdition, Belfiore, Ccnl, Cob, Cup, DoteNumber, IstatMunicipality, Profession, Sha256Hex};
pub use organisation::OrganisationTaxCode;
pub use person::{PersonTaxCode, Sex};
pub use reason::{Reason, Warning};
