//! How the fields of a model are kept in columns, so that models need not know the database.

use std::io::Write as _;
use std::ops::{Deref, DerefMut};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::types;
use crate::ids::Id;

/// A column holds what its model cannot read: the database was changed by something else than this service.
pub type CellError = Box<dyn std::error::Error + Send + Sync>;

/// A field that can be kept in a column.
pub trait Cell: Sized {
    /// The column's SQL type.
    type Sql;
    /// What Diesel binds and loads.
    type Stored;
    /// The value to bind.
    fn store(&self) -> Self::Stored;
    /// The field of a loaded value.
    fn load(stored: Self::Stored) -> Result<Self, CellError>;
}

macro_rules! plain_cells {
    ($($rust:ty => $sql:ty),+ $(,)?) => { $(
        impl Cell for $rust {
            type Sql = $sql;
            type Stored = $rust;
            fn store(&self) -> $rust { self.clone() }
            fn load(stored: $rust) -> Result<Self, CellError> { Ok(stored) }
        }
    )+ };
}

plain_cells! {
    Uuid => types::Uuid,
    bool => types::Bool,
    i32 => types::Int4,
    i64 => types::Int8,
    String => types::Text,
    Vec<u8> => types::Bytea,
    NaiveDate => types::Date,
    DateTime<Utc> => types::Timestamptz,
}

impl<K> Cell for Id<K> {
    type Sql = types::Uuid;
    type Stored = Uuid;
    fn store(&self) -> Uuid {
        self.uuid()
    }
    fn load(stored: Uuid) -> Result<Self, CellError> {
        Ok(Self::new(stored))
    }
}

impl<T: Cell> Cell for Option<T>
where
    T::Sql: diesel::sql_types::SqlType<IsNull = diesel::sql_types::is_nullable::NotNull>,
{
    type Sql = types::Nullable<T::Sql>;
    type Stored = Option<T::Stored>;
    fn store(&self) -> Self::Stored {
        self.as_ref().map(Cell::store)
    }
    fn load(stored: Self::Stored) -> Result<Self, CellError> {
        stored.map(T::load).transpose()
    }
}

/// A part of a record that is kept as JSON because nothing outside the record refers into it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// JSON as it goes to the database and comes from it: written and read once, not by way of a tree.
#[derive(Clone, Debug, AsExpression, FromSqlRow)]
#[diesel(sql_type = types::Jsonb)]
pub struct JsonText(Vec<u8>);

/// The version of the format in which PostgreSQL exchanges `jsonb`; the text follows.
const JSONB: u8 = 1;

impl ToSql<types::Jsonb, Pg> for JsonText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[JSONB])?;
        out.write_all(&self.0)?;
        Ok(IsNull::No)
    }
}

impl FromSql<types::Jsonb, Pg> for JsonText {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes() {
            [JSONB, text @ ..] => Ok(Self(text.to_vec())),
            _ => Err("jsonb of an unknown version".into()),
        }
    }
}

impl<T: Serialize + DeserializeOwned> Cell for Json<T> {
    type Sql = types::Jsonb;
    type Stored = JsonText;
    fn store(&self) -> JsonText {
        // Our own models have string keys and finite numbers only, so this cannot fail; null would tell nothing, not lie.
        JsonText(serde_json::to_vec(&self.0).unwrap_or_else(|_| b"null".to_vec()))
    }
    fn load(stored: JsonText) -> Result<Self, CellError> {
        Ok(Self(serde_json::from_slice(&stored.0)?))
    }
}

/// Keeps a parsed identifier as text and parses it again when it is loaded.
#[macro_export]
macro_rules! text_cell {
    ($($name:ty),+ $(,)?) => { $(
        impl $crate::db::Cell for $name {
            type Sql = $crate::db::types::Text;
            type Stored = String;
            fn store(&self) -> String { self.as_str().to_owned() }
            fn load(stored: String) -> Result<Self, $crate::db::CellError> { Self::parse(&stored).map_err(Into::into) }
        }
    )+ };
}
