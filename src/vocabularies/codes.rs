//! Codes of the published vocabularies as the filters of lists take them. Their schemas name the vocabulary in
//! `x-vocabulary`, by which the lists check the codes (see [`crate::http::filter::check`]). And [`ProvinceCode`] as records hold
//! it: the rules judge it on a date.

use utoipa::openapi::RefOr;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use super::{Entry, get};

/// Vocabularies with more codes than this are not listed in schemas.
const LISTED: usize = 100;

/// Declares a code of a vocabulary that has a published table.
macro_rules! vocabulary_code {
    ($(#[doc = $doc:literal])* $name:ident of $vocabulary:literal, pattern $pattern:literal, max $length:literal) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
        pub struct $name(String);

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                schema($vocabulary, $pattern, $length)
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

/// Of a short vocabulary all codes; of a long one what its codes look like.
fn schema(vocabulary: &str, pattern: &str, length: usize) -> RefOr<Schema> {
    let extensions = ExtensionsBuilder::new().add("x-vocabulary", vocabulary).build();
    let schema = ObjectBuilder::new().schema_type(Type::String).extensions(Some(extensions));
    let known = codes(vocabulary, |_| true);
    if known.len() <= LISTED {
        schema.enum_values(Some(known)).build().into()
    } else {
        schema.pattern(Some(pattern)).max_length(Some(length)).build().into()
    }
}

vocabulary_code! {
    /// A province of Lombardy, by its two letters.
    Province of "provinces", pattern "^[A-Z]{2}$", max 2
}

vocabulary_code! {
    /// A municipality of Lombardy, by its ISTAT code, of whatever time.
    Municipality of "municipalities", pattern "^[0-9]{6}$", max 6
}

vocabulary_code! {
    /// An activity of ATECO 2007, from section to subcategory. As a filter it finds whatever lies below it too.
    Sector of "ateco-2007", pattern "^([A-U]|[0-9]{2}([.][0-9]{1,2}){0,2})$", max 8
}

vocabulary_code! {
    /// A type of contract of the employers' notices.
    ContractType of "contract-types", pattern "^[A-Z][.][0-9]{2}[.][0-9]{2}$", max 7
}

vocabulary_code! {
    /// A legal form.
    LegalForm of "legal-forms", pattern "^[0-9]([.][0-9]{1,2}){1,2}$", max 10
}

/// A province of Lombardy: a code of the vocabulary `provinces`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[schema(pattern = "^[A-Z]{2}$", max_length = 2)]
pub struct ProvinceCode(pub String);

impl Province {
    /// The codes that the municipalities of these provinces have or had.
    pub fn municipalities(provinces: &[Self]) -> Vec<String> {
        codes("municipalities", |entry| {
            provinces.iter().any(|province| entry.parent.as_deref() == Some(province.as_ref()))
        })
    }
}

impl Sector {
    /// These activities and all below them, so that they are found by equality.
    pub fn with_all_below(sectors: &[Self]) -> Vec<String> {
        // A division does not begin with the letter of its section: its parent is the section.
        let divisions = codes("ateco-2007", |entry| {
            sectors.iter().any(|sector| entry.parent.as_deref() == Some(sector.as_ref()))
                && entry.attribute("level") == Some("division")
        });
        codes("ateco-2007", |entry| {
            sectors
                .iter()
                .map(AsRef::as_ref)
                .chain(divisions.iter().map(String::as_str))
                .any(|above| entry.code.starts_with(above))
        })
    }
}

fn codes(vocabulary: &str, wanted: impl Fn(&Entry) -> bool) -> Vec<String> {
    let entries = get(vocabulary).map_or(&[][..], |vocabulary| vocabulary.entries());
    let mut codes: Vec<String> = entries.iter().filter(|entry| wanted(entry)).map(|entry| entry.code.clone()).collect();
    codes.dedup();
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(code: &str) -> Vec<String> {
        Sector::with_all_below(&[Sector(code.to_owned())])
    }

    #[test]
    fn a_sector_holds_what_lies_below_it() {
        assert_eq!(below("25.11.00"), ["25.11.00"]);
        let division = below("25");
        assert!(division.contains(&"25".to_owned()) && division.contains(&"25.11.00".to_owned()));
        assert!(division.iter().all(|code| code.starts_with("25")));
        let section = below("C");
        for code in ["C", "10", "25.11.00", "33.20.09"] {
            assert!(section.contains(&code.to_owned()), "{code}");
        }
        assert!(section.iter().all(|code| code == "C" || ("10".."34").contains(&&code[..2])), "{section:?}");
        assert!(below("X").is_empty());
    }

    #[test]
    fn a_province_holds_its_municipalities() {
        let found = Province::municipalities(&[Province("MI".to_owned()), Province("BG".to_owned())]);
        assert!(found.contains(&"015146".to_owned()) && found.contains(&"016024".to_owned()));
        assert!(!found.contains(&"013075".to_owned()));
        // Monza was a municipality of Milan until the province of Monza and Brianza came to be.
        assert!(found.iter().all(|code| ["015", "016"].contains(&&code[..3])));
    }
}
