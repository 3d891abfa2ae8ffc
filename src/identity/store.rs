//! Clients and signing keys in the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use uuid::Uuid;

use super::Role;
use super::jwk::{KeyAlgorithm, PublicKey};
use super::message::{Demands, Signatory};
use super::token::LIFETIME_SECONDS;
use crate::db::schema::{client, client_key, signing_key, used_assertion, vault_check};
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
    /// The hash of its secret; `None` where it signs assertions only.
    pub secret_hash: Option<String>,
    /// Where another authority issues its tokens: then it obtains none here.
    pub external: Option<External>,
    /// What its profile demands of its messages.
    pub demands: Demands,
    /// Ends when it is revoked or changed, and its tokens with it. The database counts.
    pub generation: i64,
}

/// What another authority calls a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct External {
    /// The authority's name, which stands in its tokens.
    pub issuer: String,
    /// The client there: `consumerId` of PDND, `client_id` of others.
    pub subject: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = client, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: String,
    name: String,
    organisation_id: Uuid,
    role: String,
    secret_hash: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
    demands_integrity: bool,
    demands_audit: bool,
    generation: i64,
}

fn of_row(row: Row) -> Result<Client, Fault> {
    let Row {
        id,
        name,
        organisation_id,
        role,
        secret_hash,
        issuer,
        subject,
        demands_integrity,
        demands_audit,
        generation,
    } = row;
    let role = Role::parse(&role).map_err(|error| Fault::DeserializationError(Box::new(error)))?;
    let external = issuer.zip(subject).map(|(issuer, subject)| External { issuer, subject });
    let demands = Demands { integrity: demands_integrity, audit: demands_audit };
    Ok(Client { id, name, organisation_id, role, secret_hash, external, demands, generation })
}

/// A key that signs tokens, will or did, as it is kept.
#[derive(Clone, Debug)]
pub struct KeptKey {
    /// Its name.
    pub kid: String,
    /// The private key (PEM, PKCS #8), sealed.
    pub sealed: Option<Vec<u8>>,
    /// The same in clear, from before it was sealed.
    pub pem: Option<String>,
    /// From when on it signs, until the next one does.
    pub signs_from: DateTime<Utc>,
}

/// A client that may still obtain tokens.
pub fn live_client(conn: &mut Conn, id: &str) -> Result<Option<Client>, Fault> {
    let live = client::table.filter(client::id.eq(id)).filter(client::revoked_at.is_null());
    live.select(Row::as_select()).first(conn).optional()?.map(of_row).transpose()
}

/// The clients whose tokens other authorities issue, and that were not revoked.
pub fn external_clients(conn: &mut Conn) -> Result<Vec<Client>, Fault> {
    let live = client::table.filter(client::issuer.is_not_null()).filter(client::revoked_at.is_null());
    live.select(Row::as_select()).load(conn)?.into_iter().map(of_row).collect()
}

/// Adds a client; one that is there already gets the new secret, name and role. One that was revoked begins anew: its keys may
/// have been the reason, and are gone.
pub fn put_client(conn: &mut Conn, new: &Client, now: DateTime<Utc>) -> Result<(), Fault> {
    let revoked = client::table.filter(client::id.eq(&new.id)).filter(client::revoked_at.is_not_null());
    diesel::delete(client_key::table.filter(client_key::client_id.eq_any(revoked.select(client::id)))).execute(conn)?;
    let external = (
        client::issuer.eq(new.external.as_ref().map(|external| &external.issuer)),
        client::subject.eq(new.external.as_ref().map(|external| &external.subject)),
        client::demands_integrity.eq(new.demands.integrity),
        client::demands_audit.eq(new.demands.audit),
    );
    diesel::insert_into(client::table)
        .values((
            client::id.eq(&new.id),
            client::name.eq(&new.name),
            client::organisation_id.eq(new.organisation_id),
            client::role.eq(new.role.as_str()),
            client::secret_hash.eq(&new.secret_hash),
            external,
            client::created_at.eq(now),
        ))
        .on_conflict(client::id)
        .do_update()
        .set((
            client::secret_hash.eq(&new.secret_hash),
            external,
            client::name.eq(&new.name),
            client::role.eq(new.role.as_str()),
            client::revoked_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(conn)
        .map(drop)
}

/// The clients whose messages are signed, or may have to be: those whose profile demands it, and those of other authorities, whose
/// e-services may. With the keys that they have here.
pub fn signatories(conn: &mut Conn) -> Result<HashMap<String, Signatory>, Fault> {
    type Key = (Option<String>, Option<String>, Option<serde_json::Value>);
    let rows: Vec<(String, bool, bool, Key)> = client::table
        .left_join(client_key::table.on(client_key::client_id.eq(client::id)))
        .filter(client::revoked_at.is_null())
        .filter(client::demands_integrity.or(client::demands_audit).or(client::issuer.is_not_null()))
        .order(client::id)
        .select((
            client::id,
            client::demands_integrity,
            client::demands_audit,
            (client_key::kid.nullable(), client_key::algorithm.nullable(), client_key::jwk.nullable()),
        ))
        .load(conn)?;
    let mut found = HashMap::new();
    for one in rows.chunk_by(|(id, ..), (other, ..)| id == other) {
        let Some((id, integrity, audit, _)) = one.first() else { continue };
        let key = |(kid, algorithm, jwk): &Key| {
            let algorithm = KeyAlgorithm::parse(algorithm.as_deref()?).ok()?;
            Some(PublicKey { kid: kid.clone()?, algorithm, jwk: jwk.clone()? })
        };
        let keys: Vec<PublicKey> = one.iter().filter_map(|(.., kept)| key(kept)).collect();
        let demands = Demands { integrity: *integrity, audit: *audit };
        found.insert(id.clone(), Signatory::new(demands, &keys));
    }
    Ok(found)
}

/// A client that may still obtain tokens, with its key of that name.
pub fn live_client_with_key(conn: &mut Conn, id: &str, kid: &str) -> Result<Option<(Client, PublicKey)>, Fault> {
    let Some(client) = live_client(conn, id)?.filter(|client| client.external.is_none()) else { return Ok(None) };
    let row: Option<(String, serde_json::Value)> =
        client_key::table.find((id, kid)).select((client_key::algorithm, client_key::jwk)).first(conn).optional()?;
    row.map(|(algorithm, jwk)| {
        let algorithm =
            KeyAlgorithm::parse(&algorithm).map_err(|error| Fault::DeserializationError(Box::new(error)))?;
        Ok((client, PublicKey { kid: kid.to_owned(), algorithm, jwk }))
    })
    .transpose()
}

/// Adds a client with keys, all or nothing.
pub fn put_client_with_keys(
    conn: &mut Conn,
    new: &Client,
    keys: &[PublicKey],
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    conn.transaction(|conn| {
        put_client(conn, new, now)?;
        keys.iter().try_for_each(|key| put_client_key(conn, &new.id, key, now))
    })
}

/// Adds a key of a client, or replaces the one of that name.
fn put_client_key(conn: &mut Conn, client_id: &str, key: &PublicKey, now: DateTime<Utc>) -> Result<(), Fault> {
    let kept = (client_key::algorithm.eq(key.algorithm.as_str()), client_key::jwk.eq(&key.jwk));
    diesel::insert_into(client_key::table)
        .values((
            client_key::client_id.eq(client_id),
            client_key::kid.eq(&key.kid),
            kept,
            client_key::created_at.eq(now),
        ))
        .on_conflict((client_key::client_id, client_key::kid))
        .do_update()
        .set(kept)
        .execute(conn)
        .map(drop)
}

/// Removes a key of a client; whether it was there.
pub fn remove_client_key(conn: &mut Conn, client_id: &str, kid: &str) -> Result<bool, Fault> {
    diesel::delete(client_key::table.find((client_id, kid))).execute(conn).map(|removed| removed > 0)
}

/// What a client signs that is good once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// An assertion, by which it obtains a token.
    Assertion,
    /// A message.
    Signature,
    /// On whose behalf a message is.
    Evidence,
}

impl Use {
    const fn name(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::Signature => "signature",
            Self::Evidence => "evidence",
        }
    }
}

/// Notes that something a client signed was used; `false` where it was used before.
pub fn use_once(conn: &mut Conn, client_id: &str, kind: Use, jti: &str, expires: DateTime<Utc>) -> Result<bool, Fault> {
    diesel::insert_into(used_assertion::table)
        .values((
            used_assertion::client_id.eq(client_id),
            used_assertion::kind.eq(kind.name()),
            used_assertion::jti.eq(jti),
            used_assertion::expires_at.eq(expires),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .map(|inserted| inserted > 0)
}

/// Notes that these were used, all or none: answers one that was used before.
pub fn use_all(conn: &mut Conn, client_id: &str, uses: &[(Use, String, DateTime<Utc>)]) -> Result<Option<Use>, Fault> {
    let mut replayed = None;
    let noted = conn.transaction(|conn| {
        for (kind, jti, expires) in uses {
            if !use_once(conn, client_id, *kind, jti, *expires)? {
                replayed = Some(*kind);
                return Err(Fault::RollbackTransaction);
            }
        }
        Ok(())
    });
    match (noted, replayed) {
        (Err(Fault::RollbackTransaction), Some(kind)) => Ok(Some(kind)),
        (noted, _) => noted.map(|()| None),
    }
}

/// Forgets assertions that have expired: they are refused for that.
pub fn forget_assertions(conn: &mut Conn, now: DateTime<Utc>) -> Result<usize, Fault> {
    diesel::delete(used_assertion::table.filter(used_assertion::expires_at.lt(now))).execute(conn)
}

/// Revokes a client; whether there was one to revoke.
pub fn revoke_client(conn: &mut Conn, id: &str, now: DateTime<Utc>) -> Result<bool, Fault> {
    diesel::update(client::table.filter(client::id.eq(id)).filter(client::revoked_at.is_null()))
        .set(client::revoked_at.eq(now))
        .execute(conn)
        .map(|revoked| revoked > 0)
}

/// The generations of clients that were changed while tokens of the one before may still be about: for a while, by the database's clock.
pub fn generations(conn: &mut Conn) -> Result<Vec<(String, i64)>, Fault> {
    let seconds = 2 * LIFETIME_SECONDS;
    client::table
        .filter(client::generation.gt(1))
        .filter(client::changed_at.gt(diesel::dsl::sql::<Timestamptz>(&format!("now() - interval '{seconds} s'"))))
        .select((client::id, client::generation))
        .load(conn)
}

/// The keys that sign tokens, will or did, the latest first.
pub fn signing_keys(conn: &mut Conn) -> Result<Vec<KeptKey>, Fault> {
    let rows = signing_key::table
        .filter(signing_key::retired_at.is_null())
        .order((signing_key::signs_from.desc(), signing_key::kid.desc()))
        .select((signing_key::kid, signing_key::private_sealed, signing_key::private_pem, signing_key::signs_from))
        .load::<(String, Option<Vec<u8>>, Option<String>, DateTime<Utc>)>(conn)?;
    Ok(rows.into_iter().map(|(kid, sealed, pem, signs_from)| KeptKey { kid, sealed, pem, signs_from }).collect())
}

/// Keeps a key sealed that was kept in clear.
pub fn seal_key(conn: &mut Conn, kid: &str, sealed: &[u8]) -> Result<(), Fault> {
    diesel::update(signing_key::table.find(kid))
        .set((signing_key::private_sealed.eq(sealed), signing_key::private_pem.eq(None::<String>)))
        .execute(conn)
        .map(drop)
}

/// Adds a key that signs from an instant on. Where the ones before are not to be trusted any more, they go, and all tokens with them.
pub fn add_key(conn: &mut Conn, key: &KeptKey, alone: bool, now: DateTime<Utc>) -> Result<(), Fault> {
    conn.transaction(|conn| {
        diesel::sql_query("LOCK TABLE signing_key IN EXCLUSIVE MODE").execute(conn)?;
        if alone {
            diesel::delete(signing_key::table).execute(conn)?;
        }
        insert_key(conn, key, now)
    })
}

fn insert_key(conn: &mut Conn, key: &KeptKey, now: DateTime<Utc>) -> Result<(), Fault> {
    diesel::insert_into(signing_key::table)
        .values((
            signing_key::kid.eq(&key.kid),
            signing_key::private_sealed.eq(&key.sealed),
            signing_key::private_pem.eq(&key.pem),
            signing_key::created_at.eq(now),
            signing_key::signs_from.eq(key.signs_from),
        ))
        .execute(conn)
        .map(drop)
}

/// Destroys keys.
pub fn forget_keys(conn: &mut Conn, kids: &[String]) -> Result<usize, Fault> {
    diesel::delete(signing_key::table.filter(signing_key::kid.eq_any(kids))).execute(conn)
}

/// Adds a key, unless another process was quicker to add the first one.
pub fn add_first_key(conn: &mut Conn, key: &KeptKey, now: DateTime<Utc>) -> Result<(), Fault> {
    conn.transaction(|conn| {
        diesel::sql_query("LOCK TABLE signing_key IN EXCLUSIVE MODE").execute(conn)?;
        if signing_key::table.count().get_result::<i64>(conn)? == 0 {
            insert_key(conn, key, now)?;
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
