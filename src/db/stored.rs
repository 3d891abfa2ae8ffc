//! Records as rows: what every resource table has in common, and the set-based statements that read and write them.
//!
//! Every statement has one fixed text, whatever the size of the batch: the rows travel as one array a column
//! (`UNNEST($1, $2, ...)`). So PostgreSQL parses and plans it once per connection, for one row as for ten thousand.

use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::result::QueryResult;
use uuid::Uuid;

/// What every record has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The service's id.
    pub id: Uuid,
    /// Grows by one with every change.
    pub version: i64,
    /// When it was first written.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
    /// When it was deleted: it is then a tombstone, kept for the change log.
    pub deleted_at: Option<DateTime<Utc>>,
    /// The organisation whose client made it.
    pub source_organisation_id: Uuid,
    /// That organisation's own name for it.
    pub external_id: Option<String>,
}

impl Meta {
    /// Of a record that is about to be made.
    pub const fn new(id: Uuid, now: DateTime<Utc>, source: Uuid, external_id: Option<String>) -> Self {
        Self {
            id,
            version: 1,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            source_organisation_id: source,
            external_id,
        }
    }
}

/// A live record's id, found by the name its source gave it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalKey {
    /// The organisation that named it.
    pub source: Uuid,
    /// The name.
    pub external_id: String,
}

/// A record that is kept in a table of its own; implemented by [`crate::stored`].
pub trait Stored: Clone + PartialEq + Send + Sized + 'static {
    /// What it has in common with all others.
    fn meta(&self) -> &Meta;
    /// The same, to change.
    fn meta_mut(&mut self) -> &mut Meta;
    /// The live records of these ids.
    fn fetch(conn: &mut PgConnection, ids: &[Uuid]) -> QueryResult<Vec<Self>>;
    /// The same, locked against other writers until the transaction ends. Locked in the order of ids, so that two batches
    /// do not wait for each other crosswise.
    fn lock(conn: &mut PgConnection, ids: &[Uuid]) -> QueryResult<Vec<Self>>;
    /// The ids of live records by their source's names for them.
    fn find_external(conn: &mut PgConnection, keys: &[ExternalKey]) -> QueryResult<Vec<(ExternalKey, Uuid)>>;
    /// Writes new records.
    fn insert(conn: &mut PgConnection, records: &[&Self]) -> QueryResult<usize>;
    /// Overwrites records, each of the version before; answers how many were.
    fn update(conn: &mut PgConnection, records: &[&Self]) -> QueryResult<usize>;
}

/// Implements [`Stored`] for a model: `stored! { table => Model { column: Type, ... } }`. The columns that every table has
/// are added. A column that the schema does not have, or has with another type, does not compile.
#[macro_export]
macro_rules! stored {
    ($table:ident => $record:ident { $($field:ident: $ty:ty),+ $(,)? }) => {
        $crate::stored!(@impl $table => $record {
            [id: uuid::Uuid, version: i64, created_at: chrono::DateTime<chrono::Utc>, updated_at: chrono::DateTime<chrono::Utc>,
             deleted_at: Option<chrono::DateTime<chrono::Utc>>, source_organisation_id: uuid::Uuid, external_id: Option<String>]
            [$($field: $ty),+]
        });
    };
    (@impl $table:ident => $record:ident { [$($head:ident: $head_ty:ty),+] [$($field:ident: $ty:ty),+] }) => {
        /// A row as it is loaded.
        #[derive(diesel::Queryable, diesel::Selectable)]
        #[diesel(table_name = $crate::db::schema::$table, check_for_backend(diesel::pg::Pg))]
        pub(crate) struct Row {
            $($head: <$head_ty as $crate::db::Cell>::Stored,)+
            $($field: <$ty as $crate::db::Cell>::Stored,)+
        }

        impl TryFrom<Row> for $record {
            type Error = $crate::db::CellError;
            fn try_from(row: Row) -> Result<Self, Self::Error> {
                let Row { $($head,)+ $($field,)+ } = row;
                Ok(Self {
                    meta: $crate::db::Meta { $($head,)+ },
                    $($field: <$ty as $crate::db::Cell>::load($field)?,)+
                })
            }
        }

        /// Records turned on their side: one vector a column.
        struct Columns {
            $($head: Vec<<$head_ty as $crate::db::Cell>::Stored>,)+
            $($field: Vec<<$ty as $crate::db::Cell>::Stored>,)+
        }

        impl Columns {
            fn of(records: &[&$record]) -> Self {
                use $crate::db::Cell as _;
                let mut columns = Self {
                    $($head: Vec::with_capacity(records.len()),)+
                    $($field: Vec::with_capacity(records.len()),)+
                };
                for record in records {
                    let $record { meta: $crate::db::Meta { $($head,)+ }, $($field,)+ } = *record;
                    $(columns.$head.push($head.store());)+
                    $(columns.$field.push($field.store());)+
                }
                columns
            }

            fn push_unnest<'b>(&'b self, out: &mut diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>) -> diesel::QueryResult<()> {
                out.push_sql("UNNEST(");
                let mut first = true;
                $(  if !std::mem::take(&mut first) { out.push_sql(", "); }
                    out.push_bind_param::<diesel::sql_types::Array<<$head_ty as $crate::db::Cell>::Sql>, _>(&self.$head)?; )+
                $(  out.push_sql(", ");
                    out.push_bind_param::<diesel::sql_types::Array<<$ty as $crate::db::Cell>::Sql>, _>(&self.$field)?; )+
                out.push_sql(")");
                Ok(())
            }
        }

        struct Insert(Columns);

        impl diesel::query_builder::QueryId for Insert {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for Insert {
            fn walk_ast<'b>(&'b self, mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>) -> diesel::QueryResult<()> {
                out.push_sql(concat!("INSERT INTO ", stringify!($table), " ("));
                out.push_sql([$(stringify!($head),)+ $(stringify!($field),)+].join(", ").as_str());
                out.push_sql(") SELECT * FROM ");
                self.0.push_unnest(&mut out)
            }
        }

        impl diesel::RunQueryDsl<diesel::pg::PgConnection> for Insert {}

        struct Update(Columns);

        impl diesel::query_builder::QueryId for Update {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for Update {
            fn walk_ast<'b>(&'b self, mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>) -> diesel::QueryResult<()> {
                out.push_sql(concat!("UPDATE ", stringify!($table), " AS t SET version = n.version, updated_at = n.updated_at, deleted_at = n.deleted_at, external_id = n.external_id"));
                $(out.push_sql(concat!(", ", stringify!($field), " = n.", stringify!($field)));)+
                out.push_sql(" FROM ");
                self.0.push_unnest(&mut out)?;
                out.push_sql(" AS n (");
                out.push_sql([$(stringify!($head),)+ $(stringify!($field),)+].join(", ").as_str());
                out.push_sql(") WHERE t.id = n.id AND t.version = n.version - 1 AND t.deleted_at IS NULL");
                Ok(())
            }
        }

        impl diesel::RunQueryDsl<diesel::pg::PgConnection> for Update {}

        /// Models of loaded rows. A row that its model cannot read is a fault of ours, not of the client.
        #[allow(dead_code, reason = "a slice without queries of its own does not need it")]
        pub(crate) fn records(rows: Vec<Row>) -> diesel::QueryResult<Vec<$record>> {
            rows.into_iter().map(|row| $record::try_from(row).map_err(diesel::result::Error::DeserializationError)).collect()
        }

        impl $crate::db::Stored for $record {
            fn meta(&self) -> &$crate::db::Meta { &self.meta }
            fn meta_mut(&mut self) -> &mut $crate::db::Meta { &mut self.meta }

            fn fetch(conn: &mut diesel::pg::PgConnection, ids: &[uuid::Uuid]) -> diesel::QueryResult<Vec<Self>> {
                use diesel::prelude::*;
                use $crate::db::schema::$table::dsl as t;
                records(t::$table.filter(t::id.eq_any(ids)).filter(t::deleted_at.is_null()).select(Row::as_select()).load(conn)?)
            }

            fn lock(conn: &mut diesel::pg::PgConnection, ids: &[uuid::Uuid]) -> diesel::QueryResult<Vec<Self>> {
                use diesel::prelude::*;
                use $crate::db::schema::$table::dsl as t;
                records(t::$table.filter(t::id.eq_any(ids)).filter(t::deleted_at.is_null()).order(t::id)
                    .select(Row::as_select()).for_no_key_update().load(conn)?)
            }

            fn find_external(conn: &mut diesel::pg::PgConnection, keys: &[$crate::db::ExternalKey]) -> diesel::QueryResult<Vec<($crate::db::ExternalKey, uuid::Uuid)>> {
                use diesel::prelude::*;
                use $crate::db::schema::$table::dsl as t;
                let wanted: std::collections::HashSet<&$crate::db::ExternalKey> = keys.iter().collect();
                let sources: std::collections::BTreeSet<uuid::Uuid> = keys.iter().map(|key| key.source).collect();
                let names: Vec<&str> = keys.iter().map(|key| key.external_id.as_str()).collect();
                let found: Vec<(uuid::Uuid, Option<String>, uuid::Uuid)> = t::$table
                    .filter(t::source_organisation_id.eq_any(sources.into_iter().collect::<Vec<_>>()))
                    .filter(t::external_id.eq_any(names))
                    .filter(t::deleted_at.is_null())
                    .select((t::source_organisation_id, t::external_id, t::id))
                    .load(conn)?;
                Ok(found.into_iter()
                    .filter_map(|(source, name, id)| Some(($crate::db::ExternalKey { source, external_id: name? }, id)))
                    .filter(|(key, _)| wanted.contains(key))
                    .collect())
            }

            fn insert(conn: &mut diesel::pg::PgConnection, records: &[&Self]) -> diesel::QueryResult<usize> {
                use diesel::RunQueryDsl as _;
                if records.is_empty() { return Ok(0); }
                Insert(Columns::of(records)).execute(conn)
            }

            fn update(conn: &mut diesel::pg::PgConnection, records: &[&Self]) -> diesel::QueryResult<usize> {
                use diesel::RunQueryDsl as _;
                if records.is_empty() { return Ok(0); }
                Update(Columns::of(records)).execute(conn)
            }
        }
    };
}
