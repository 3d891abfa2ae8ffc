//! Pushes the demo data as a client would: JSON that is checked against the schema, through the rules, in one transaction. Whatever
//! is refused stops the loading, with the reason, and leaves nothing behind.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use crate::audit::Request;
use crate::batch::{self, Context, Input, Item, Job, Resource, Target, Verb, Wants};
use crate::db::Conn;
use crate::db::session::{Reach, Session};
use crate::identity::{Caller, Role, ScopeSet};
use crate::serve::StartError;
use crate::shape;

/// Items at once.
const BATCH: usize = 500;

/// Sends batches over one connection.
pub struct Pusher<'a> {
    session: Session,
    context: &'a Context,
}

/// An organisation's client.
pub fn caller(id: &str, organisation: Uuid, role: Role) -> Arc<Caller> {
    Arc::new(Caller {
        client_id: id.to_owned(),
        organisation,
        role,
        scopes: ScopeSet::of_role(role),
        generation: 1,
        voucher: None,
        tracking: None,
    })
}

/// A record to write.
pub struct Record {
    /// Who writes it.
    pub caller: Arc<Caller>,
    /// As a client would send it, with its `external_id`.
    pub body: Value,
}

impl<'a> Pusher<'a> {
    /// A pusher with a connection, and a transaction, of its own.
    pub fn begin(url: &str, context: &'a Context) -> Result<Self, StartError> {
        let mut session = Session::connect(url)?;
        // Organisations of all kinds share the transaction, and clients are made in it.
        session.begin_for(Reach::Login)?;
        Ok(Self { session, context })
    }

    /// The connection, for what is not a change of a record.
    pub const fn conn(&mut self) -> &mut Conn {
        &mut self.session.conn
    }

    /// Commits everything. Without it, nothing was pushed.
    pub fn finish(mut self) -> Result<(), StartError> {
        self.session.commit()?;
        Ok(self.session.analyze(&[])?)
    }

    /// Writes records by their external ids; answers their ids in the same order.
    pub fn put<R: Resource>(&mut self, records: &[Record]) -> Result<Vec<Uuid>, StartError> {
        let items: Result<Vec<Item<R>>, StartError> = records.iter().map(item_of::<R>).collect();
        self.send(items?)
    }

    /// Takes a step of the lifecycle of one record.
    pub fn act<R: Resource>(&mut self, caller: &Arc<Caller>, id: Uuid, act: R::Act) -> Result<(), StartError> {
        let item = Item {
            caller: Arc::clone(caller),
            request: Request::internal("seed"),
            target: Target::Id(id),
            verb: Verb::Act(act),
            if_version: None,
            idempotency: None,
            wants: Wants::Record,
        };
        self.send::<R>(vec![item]).map(drop)
    }

    fn send<R: Resource>(&mut self, items: Vec<Item<R>>) -> Result<Vec<Uuid>, StartError> {
        let mut ids = Vec::with_capacity(items.len());
        let mut jobs: Vec<Job> = items.into_iter().map(|item| Job::new(item, None)).collect();
        for batch in jobs.chunks_mut(BATCH) {
            batch::carry_out(&mut self.session, batch, self.context)?;
            for job in batch {
                match job.outcome() {
                    Some(Ok(reply)) => ids.push(reply.id),
                    Some(Err(problem)) => {
                        return Err(format!("the demo data breaks a rule of {}: {problem}", R::KIND).into());
                    }
                    None => return Err("a job of the demo data was not carried out".into()),
                }
            }
        }
        Ok(ids)
    }
}

fn item_of<R: Resource>(record: &Record) -> Result<Item<R>, StartError> {
    let input: R::Input = shape::parse(record.body.clone())
        .map_err(|violations| format!("the demo data does not have the form of a {}: {violations:?}", R::KIND))?;
    let name = input.external_id().ok_or("a demo record has no external id")?.to_owned();
    Ok(Item {
        caller: Arc::clone(&record.caller),
        request: Request::internal("seed"),
        target: Target::External(name),
        verb: Verb::Write(input),
        if_version: None,
        idempotency: None,
        wants: Wants::Record,
    })
}
