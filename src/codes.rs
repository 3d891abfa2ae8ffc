//! Closed vocabularies as Rust enums: one macro gives the wire form, the schema and the column.

/// A code that a record or a request carried and that is not of its vocabulary.
#[derive(Debug, thiserror::Error)]
#[error("not a {0}")]
pub struct UnknownCode(pub &'static str);

/// Declares an enum whose values are codes of a closed vocabulary.
#[macro_export]
macro_rules! code_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
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

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }

        impl $crate::db::Cell for $name {
            type Sql = $crate::db::types::Text;
            type Stored = String;
            fn store(&self) -> String { self.as_str().to_owned() }
            fn load(stored: String) -> Result<Self, $crate::db::CellError> { Self::parse(&stored).map_err(Into::into) }
        }
    };
}
