//! Clients and signing keys in the database.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::Role;
use crate::db::schema::{client, signing_key, vault_check};
use crate::db::{Conn, Fault};

/// A client as it is kept.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its id, which it sends.
    pub id: String,
    /// For people.
    pub name: String,
    /// The organisation it acts for.
    pub organisation_id: Uuid,
    /// What it is to the service.
    pub role: Role,
    /// The hash of its secret.
    pub secret_hash: String,
}

/// A client that may still obtain tokens.
pub fn live_client(conn: &mut Conn, id: &str) -> Result<Option<Client>, Fault> {
    let row: Option<(String, String, Uuid, String, String)> = client::table
        .filter(client::id.eq(id))
        .filter(client::revoked_at.is_null())
        .select((client::id, client::name, client::organisation_id, client::role, client::secret_hash))
        .first(conn)
        .optional()?;
    row.map(|(id, name, organisation_id, role, secret_hash)| {
        let role = Role::parse(&role).map_err(|error| Fault::DeserializationError(Box::new(error)))?;
        Ok(Client { id, name, organisation_id, role, secret_hash })
    })
    .transpose()
}

/// Adds a client; one that is there already gets the new secret, name and role.
pub fn put_client(conn: &mut Conn, new: &Client, now: DateTime<Utc>) -> Result<(), Fault> {
    diesel::insert_into(client::table)
        .values((
            client::id.eq(&new.id),
            client::name.eq(&new.name),
            client::organisation_id.eq(new.organisation_id),
            client::role.eq(new.role.as_str()),
            client::secret_hash.eq(&new.secret_hash),
            client::created_at.eq(now),
        ))
        .on_conflict(client::id)
        .do_update()
        .set((
            client::secret_hash.eq(&new.secret_hash),
            client::name.eq(&new.name),
            client::role.eq(new.role.as_str()),
            client::revoked_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(conn)
        .map(drop)
}

/// The keys that verify tokens, the signing one first.
pub fn signing_keys(conn: &mut Conn) -> Result<Vec<(String, String)>, Fault> {
    signing_key::table
        .filter(signing_key::retired_at.is_null())
        .order(signing_key::created_at.desc())
        .select((signing_key::kid, signing_key::private_pem))
        .load(conn)
}

/// Adds a key, unless another process was quicker to add the first one.
pub fn add_first_key(conn: &mut Conn, kid: &str, pem: &str, now: DateTime<Utc>) -> Result<(), Fault> {
    conn.transaction(|conn| {
        diesel::sql_query("LOCK TABLE signing_key IN EXCLUSIVE MODE").execute(conn)?;
        if signing_key::table.count().get_result::<i64>(conn)? == 0 {
            diesel::insert_into(signing_key::table)
                .values((signing_key::kid.eq(kid), signing_key::private_pem.eq(pem), signing_key::created_at.eq(now)))
                .execute(conn)?;
        }
        Ok(())
    })
}

/// What was sealed with this database's secret, for the check at the start; kept where there is none yet.
pub fn vault_check(conn: &mut Conn, first: (Uuid, &[u8])) -> Result<(Uuid, Vec<u8>), Fault> {
    conn.transaction(|conn| {
        diesel::sql_query("LOCK TABLE vault_check IN EXCLUSIVE MODE").execute(conn)?;
        if let Some(known) = vault_check::table.select((vault_check::id, vault_check::sealed)).first(conn).optional()? {
            return Ok(known);
        }
        diesel::insert_into(vault_check::table)
            .values((vault_check::id.eq(first.0), vault_check::sealed.eq(first.1)))
            .execute(conn)?;
        Ok((first.0, first.1.to_vec()))
    })
}
