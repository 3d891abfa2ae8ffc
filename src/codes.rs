//! Closed vocabularies as Rust enums: one macro gives the wire form, the schema and the column.

/// A code that a record or a request carried and that is not of its vocabulary.
#[derive(Debug, thiserror::Error)]
#[error("not a {0}")]
pub struct UnknownCode(pub &'static str);

/// Declares an enum whose values are codes of a closed vocabulary.
#[macro_export]
macro_rules! code_enum {
    ($(#[doc = $meta_doc:literal])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[doc = $meta_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        $vis enum $name { $($(#[$doc])* #[serde(rename = $code)] $variant),+ }

        impl $name {
            /// Every value, in the order of the vocabulary.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code on the wire and in the database.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $code),+ } }

            /// The value of a code.
            pub fn parse(code: &str) -> Result<Self, $crate::codes::UnknownCode> {
                match code { $($code => Ok(Self::$variant),)+ _ => Err($crate::codes::UnknownCode(stringify!($name))) }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str { self.as_str() }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }

        // By hand: utoipa does not see a rename that comes through a macro.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some([$($code),+]))
                    .description(Some(concat!($($meta_doc),*).trim()))
                    .build()
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl $crate::db::Cell for $name {
            type Sql = $crate::db::types::Text;
            type Stored = String;
            fn store(&self) -> String { self.as_str().to_owned() }
            fn load(stored: String) -> Result<Self, $crate::db::CellError> { Self::parse(&stored).map_err(Into::into) }
        }
    };
}
