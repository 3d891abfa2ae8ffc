//! Parsed identifiers as text columns.

use crate::identifiers::{Ccnl, Cob, Cup, OrganisationTaxCode, Profession};
use crate::text_cell;

text_cell!(Ccnl, Cob, Cup, OrganisationTaxCode, Profession);
