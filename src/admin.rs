//! What is done to a service from the command line rather than over HTTP.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io::Write as _;

use uuid::Uuid;

use crate::audit;
use crate::audit::log::Node;
use crate::audit::verify::{Finding, Sealed, verify};
use crate::batch::Context;
use crate::clock::Clock;
use crate::config::{
    AddClient, AuditVerify, Demand, RemoveClientKey, RevokeClient, RotateKeys, RotateSigningKey, RunRetention, Settings,
};
use crate::db::{self, Conn, Fault, Meta, Stored as _, migrate as migrations};
use crate::identifiers::OrganisationTaxCode;
use crate::identity::jwk::{PublicKey, read_keys};
use crate::identity::message::Demands;
use crate::identity::store::{self, Client, External};
use crate::identity::{Role, keys, secret};
use crate::organisations::model::Organisation;
use crate::organisations::store::by_tax_code;
use crate::retention::{self, Ended};
use crate::serve::{Ground, StartError};
use crate::vault::rotate::{self, Rotated};

/// Brings the database to the current schema.
pub fn migrate(settings: &Settings) -> Result<(), StartError> {
    let ground = Ground::lay(settings)?;
    let applied = migrations::migrate(&ground.url)?;
    ground.leave();
    writeln!(std::io::stdout(), "{} migrations applied", applied.len())?;
    Ok(())
}

/// Proves that the audit log is what was sealed.
pub fn audit_verify(settings: &Settings, proof: &AuditVerify) -> Result<(), StartError> {
    /// Leaves that are read together.
    const PIECE: i64 = 1000;
    let kept = proof.checkpoint.as_ref().map(|file| {
        fs::read_to_string(file).map_err(|error| format!("the checkpoint {} cannot be read: {error}", file.display()))
    });
    let kept = kept.transpose()?;
    let ground = Ground::lay(settings)?;
    migrations::migrate(&ground.url)?;
    let context = ground.context(settings)?;
    let mut conn = db::connect(&ground.url)?;
    // One instant: the service may go on sealing.
    let result = audit::store::at_one_instant(&mut conn, |conn| {
        let known = audit::store::all_checkpoints(conn)?;
        let checkpoints: Vec<(u64, String)> =
            known.into_iter().map(|(size, text)| (u64::try_from(size).unwrap_or_default(), text)).collect();
        let unsealed = audit::store::unsealed(conn)?;
        let (mut piece, mut next) = (Vec::new().into_iter(), 0);
        let nodes = RefCell::new(HashMap::new());
        let leaves = std::iter::from_fn(|| {
            if piece.len() == 0 {
                let found = audit::store::leaves(conn, next, PIECE).and_then(|found| {
                    let last = found.last().map_or(next, |leaf| leaf.place + 1);
                    nodes.replace(audit::store::nodes(conn, next, last)?);
                    Ok(found)
                });
                piece = match found {
                    Ok(found) => found.into_iter(),
                    Err(fault) => return Some(Err(fault)),
                };
            }
            let leaf = piece.next()?;
            next = leaf.place + 1;
            let content = leaf.event.as_ref().map(audit::entry::content);
            Some(Ok(Sealed { position: u64::try_from(leaf.place).unwrap_or(u64::MAX), content }))
        });
        let is_kept = |node: &Node| nodes.borrow().get(&(node.level, node.position)) == Some(&node.hash);
        let found = verify(context.vault.signer(), &checkpoints, leaves, is_kept, kept.as_deref().map(str::trim))?;
        Ok(match u64::try_from(unsealed) {
            Ok(unsealed) if unsealed > 0 => found.and(Err(Finding::Inserted(unsealed))),
            _ => found.map(|size| (size, checkpoints.len())),
        })
    });
    ground.leave();
    let (entries, checkpoints) = result??;
    writeln!(std::io::stdout(), "{entries} entries are what was sealed, under {checkpoints} checkpoints")?;
    Ok(())
}

/// Registers a client and prints its secret, or registers its keys.
pub fn add_client(settings: &Settings, client: &AddClient) -> Result<(), StartError> {
    let role = Role::parse(&client.role).map_err(|_| "the role is operator, region, dote or auditor")?;
    let tax_code = OrganisationTaxCode::parse(&client.organisation)?;
    let keys = client.jwks.as_ref().map(|file| {
        let text = fs::read_to_string(file)
            .map_err(|error| format!("the file of the keys {} cannot be read: {error}", file.display()))?;
        Ok::<_, StartError>(read_keys(&text)?)
    });
    let keys = keys.transpose()?.unwrap_or_default();
    let external =
        client.issuer.clone().zip(client.subject.clone()).map(|(issuer, subject)| External { issuer, subject });
    let ground = Ground::lay(settings)?;
    migrations::migrate(&ground.url)?;
    let context = ground.context(settings)?;
    let mut conn = db::connect(&ground.url)?;
    let mut bytes = [0_u8; 32];
    context.ids.fill(&mut bytes);
    let plain: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (credentials, mut said) = match external {
        Some(External { issuer, subject }) => {
            let said = format!("client_id      {}\nissuer         {issuer}\nsubject        {subject}\n", client.id);
            (Credentials::External(External { issuer, subject }), said)
        }
        None if keys.is_empty() => {
            (Credentials::Secret(&plain), format!("client_id      {}\nclient_secret  {plain}\n", client.id))
        }
        None => (Credentials::Keys, format!("client_id      {}\n", client.id)),
    };
    if !keys.is_empty() {
        said.push_str(&format!("keys           {}\n", keys.len()));
    }
    let (id, name) = (client.id.as_str(), client.name.as_str());
    let demands = match &client.demands {
        Some(stated) => {
            Demands { integrity: stated.contains(&Demand::Integrity), audit: stated.contains(&Demand::Audit) }
        }
        None => store::live_client(&mut conn, id)?.map(|known| known.demands).unwrap_or_default(),
    };
    let new = Registration { keys: &keys, demands, ..Registration::new(id, role, &tax_code, name, credentials) };
    register(&mut conn, &context, new)?;
    audit::note_command(&mut conn, "add_client", &client.id, context.now())?;
    ground.leave();
    std::io::stdout().write_all(said.as_bytes())?;
    Ok(())
}

/// Removes a key of a client.
pub fn remove_client_key(settings: &Settings, key: &RemoveClientKey) -> Result<(), StartError> {
    let ground = Ground::lay(settings)?;
    migrations::migrate(&ground.url)?;
    let mut conn = db::connect(&ground.url)?;
    let removed = store::remove_client_key(&mut conn, &key.id, &key.kid)?;
    audit::note_command(&mut conn, "remove_client_key", &key.id, Clock::System.now())?;
    ground.leave();
    if removed { Ok(()) } else { Err(format!("the client `{}` has no key `{}`", key.id, key.kid).into()) }
}

/// Revokes a client: it obtains no tokens, and those that it has are refused within seconds.
pub fn revoke_client(settings: &Settings, client: &RevokeClient) -> Result<(), StartError> {
    let ground = Ground::lay(settings)?;
    migrations::migrate(&ground.url)?;
    let mut conn = db::connect(&ground.url)?;
    let revoked = store::revoke_client(&mut conn, &client.id, Clock::System.now())?;
    audit::note_command(&mut conn, "revoke_client", &client.id, Clock::System.now())?;
    ground.leave();
    if revoked { Ok(()) } else { Err(format!("there is no client `{}` to revoke", client.id).into()) }
}

/// Makes a new key that personal data is sealed with, and seals everything with it.
pub fn rotate_keys(settings: &Settings, rotation: &RotateKeys) -> Result<(), StartError> {
    let ground = Ground::lay(settings)?;
    migrations::migrate(&ground.url)?;
    let context = ground.context(settings)?;
    let mut conn = db::connect(&ground.url)?;
    audit::note_command(&mut conn, "rotate_keys", "", context.now())?;
    let rotated = rotate::rotate(&mut conn, &context, rotation.announce);
    ground.leave();
    let Rotated { version, values, unsealable, destroyed } = rotated?;
    writeln!(std::io::stdout(), "version     {version}\nsealed      {values}\ndestroyed   {destroyed}")?;
    match unsealable {
        0 => Ok(()),
        some => Err(format!("{some} values open with no key that is known: they are as they were").into()),
    }
}

/// Ends what has been kept for as long as the calls say.
pub fn run_retention(settings: &Settings, asked: &RunRetention) -> Result<(), StartError> {
    let ground = Ground::lay(settings)?;
    migrations::migrate(&ground.url)?;
    let context = ground.context(settings)?;
    rotate::prepare(&mut db::connect(&ground.url)?, &context)?;
    let ended = retention::run(&ground.url, &context, asked.dry_run);
    ground.leave();
    let Ended { participants, outcomes, revisions, tombstones, calls_without_an_end } = ended?;
    writeln!(
        std::io::stdout(),
        "participants          {participants}\noutcomes              {outcomes}\nrevisions             {revisions}\n\
         deleted               {tombstones}\ncalls without an end  {calls_without_an_end}"
    )?;
    Ok(())
}

/// Makes a new key that signs tokens.
pub fn rotate_signing_key(settings: &Settings, rotation: &RotateSigningKey) -> Result<(), StartError> {
    let ground = Ground::lay(settings)?;
    migrations::migrate(&ground.url)?;
    let context = ground.context(settings)?;
    let mut conn = db::connect(&ground.url)?;
    rotate::prepare(&mut conn, &context)?;
    let now = context.now();
    let announced = if rotation.compromised { 0 } else { rotation.announce };
    let key = keys::generate(&context, now + chrono::Duration::seconds(i64::from(announced)))?;
    store::add_key(&mut conn, &key, rotation.compromised, now)?;
    audit::note_command(&mut conn, "rotate_signing_key", &key.kid, now)?;
    ground.leave();
    let from = key.signs_from.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    writeln!(std::io::stdout(), "kid         {}\nsigns_from  {from}", key.kid)?;
    Ok(())
}

/// A client to register.
pub struct Registration<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it is to the service.
    pub role: Role,
    /// The organisation it acts for, which is registered where it is not known.
    pub tax_code: &'a OrganisationTaxCode,
    /// Name of the client, and of its organisation where that is not known.
    pub name: &'a str,
    /// By which it authenticates.
    pub credentials: Credentials<'a>,
    /// The keys that it signs with: assertions, messages. Keys of other names stay.
    pub keys: &'a [PublicKey],
    /// What its profile demands of its messages.
    pub demands: Demands,
}

impl<'a> Registration<'a> {
    /// A plain client: it signs nothing.
    pub const fn new(
        id: &'a str,
        role: Role,
        tax_code: &'a OrganisationTaxCode,
        name: &'a str,
        credentials: Credentials<'a>,
    ) -> Self {
        Self { id, role, tax_code, name, credentials, keys: &[], demands: Demands { integrity: false, audit: false } }
    }
}

/// By which a client authenticates.
pub enum Credentials<'a> {
    /// A secret.
    Secret(&'a str),
    /// Assertions, signed with its keys. A secret that it has stays.
    Keys,
    /// Tokens of another authority.
    External(External),
}

/// Registers a client, all or nothing.
pub fn register(conn: &mut Conn, context: &Context, new: Registration<'_>) -> Result<(), StartError> {
    let Registration { id, role, tax_code, name, credentials, keys, demands } = new;
    let (secret_hash, external) = match credentials {
        Credentials::Secret(plain) => (Some(secret::hash(plain, &context.ids)?), None),
        Credentials::Keys => (store::live_client(conn, id)?.and_then(|client| client.secret_hash), None),
        Credentials::External(external) => (None, Some(external)),
    };
    let organisation_id = organisation(conn, context, tax_code, name)?;
    let (id, name) = (id.to_owned(), name.to_owned());
    let client = Client { id, name, organisation_id, role, secret_hash, external, demands, generation: 1 };
    Ok(store::put_client_with_keys(conn, &client, keys, context.now())?)
}

/// The organisation of a tax code, registered where it is not known.
pub fn organisation(
    conn: &mut Conn,
    context: &Context,
    tax_code: &OrganisationTaxCode,
    name: &str,
) -> Result<Uuid, Fault> {
    if let Some(known) = by_tax_code(conn, &[tax_code.as_str()])?.first() {
        return Ok(known.meta.id);
    }
    let id = context.ids.next(context.now());
    // An organisation that comes before every client is its own source.
    let organisation = Organisation {
        meta: Meta::new(id, context.now(), id, None),
        tax_code: tax_code.clone(),
        name: name.to_owned(),
        legal_form: None,
        ateco: None,
        municipality: None,
        province: None,
        accreditation: None,
    };
    Organisation::insert(conn, &[&organisation])?;
    Ok(id)
}
