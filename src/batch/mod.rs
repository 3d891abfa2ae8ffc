//! The one write path, and the one read path by id. Both take batches; a single request is a batch of one that its
//! neighbours may join.
//!
//! A slice says what is particular to its records by implementing [`Resource`]: how references are found, which facts a
//! decision needs, and the decision itself. Everything else is here, once: finding the target, sight, `If-Match`,
//! merge-patch, idempotency, versions, set-based writing, the answer.
//!
//! ```text
//! job -> wave: idempotency -> target -> sight -> change -> references -> claims -> locks -> facts -> verdict -> write -> answer
//! ```
//!
//! Changes that could influence each other's verdict name a common [`Claim`]; they are then judged one after the other, in
//! waves of one transaction, each wave with fresh facts; or, where the kind of record knows how, in one wave whose facts follow
//! the verdicts ([`Claims::chain`]).

pub(crate) mod idempotency;
mod job;
mod lookup;
mod notes;
pub mod refs;
mod replies;
mod store;
mod wave;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use uuid::Uuid;

pub use idempotency::{Idempotency, KEPT_DAYS};
pub use job::{Answer, Effect, Job, Reply, carry_out, carry_out_in_parts, commit};
pub use lookup::{Fetched, Lookup, LookupAnswer, look_up};
pub use refs::Ref;
pub use store::{forget_answers, forget_answers_of};

use crate::audit::Request;
use crate::clock::{Clock, italian_date};
use crate::db::{Conn, Fault, Meta, Stored};
use crate::error::Problem;
use crate::identity::Caller;
use crate::ids::Ids;
use crate::kind::Kind;
use crate::vault::Vault;

/// What decisions depend on besides the data: time, new ids, keys.
pub struct Context {
    /// Tells the time.
    pub clock: Clock,
    /// Makes ids.
    pub ids: Ids,
    /// Seals personal data.
    pub vault: Arc<Vault>,
    /// Who was told of workers of others.
    pub probes: Probes,
}

/// How often clients were told that a worker is in charge elsewhere. The rule (invariant 8) cannot keep it to itself; whoever is told it of many
/// is asking, and the quota of look-ups by tax code is charged with it.
#[derive(Debug, Default)]
pub struct Probes(Mutex<HashMap<String, u32>>);

impl Probes {
    /// A client was told.
    pub fn note(&self, client_id: &str) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = told.entry(client_id.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// Who was told how often since it was asked last.
    pub fn take(&self) -> HashMap<String, u32> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Context {
    /// With this clock, these ids and this vault.
    pub fn new(clock: Clock, ids: Ids, vault: Vault) -> Self {
        Self { clock, ids, vault: Arc::new(vault), probes: Probes::default() }
    }

    /// This instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Today in Italy.
    pub fn today(&self) -> NaiveDate {
        italian_date(self.now())
    }
}

/// A writable representation: what a client sends.
pub trait Input: Serialize + DeserializeOwned + ToSchema + Clone + PartialEq + Send + Sync + 'static {
    /// The client's own name for the record, when the body states one.
    fn external_id(&self) -> Option<&str>;
}

/// A kind of record that others can refer to.
pub trait Kept: Sized + Send + Sync + 'static {
    /// Which kind.
    const KIND: Kind;
    /// The record as it is kept.
    type Record: Stored;

    /// The partnership a record belongs to, which decides who sees it; `None` for what every client may read.
    fn partnership_of(record: &Self::Record) -> Option<Uuid>;
}

/// What is particular to one kind of record.
pub trait Resource: Kept {
    /// How a change locks the partnership it lies in: see [`ParentLock`].
    const PARENT_LOCK: ParentLock;
    /// What a client sends.
    type Input: Input;
    /// What a client gets.
    type View: Serialize + ToSchema + Send + 'static;
    /// Commands besides writing and deleting: the steps of a lifecycle.
    type Act: Send + Sync + 'static;
    /// The references of one change, resolved.
    type Refs: Send;
    /// All that the verdicts of a wave depend on.
    type Facts;
    /// What is shown of several records besides what stands in them.
    type Around: Send;

    /// The representation that a merge-patch is applied to.
    fn input_of(conn: &mut Conn, record: &Self::Record, context: &Context) -> Result<Self::Input, Fault>;

    /// Finds what the changes refer to. What does not exist, or the caller may not see, stays unresolved.
    fn resolve(
        conn: &mut Conn,
        changes: &[(&Caller, &Change<'_, Self>)],
        context: &Context,
    ) -> Result<Vec<Self::Refs>, Fault>;

    /// What the verdict on this change shares with the verdicts on others. The target itself is always claimed.
    fn claims(draft: &Draft<'_, Self>, claims: &mut Claims);

    /// The partnerships to lock before the facts are read: those that the change touches.
    fn partnerships(draft: &Draft<'_, Self>) -> Vec<Uuid>;

    /// How this change locks them, where not all changes of the kind need the same.
    fn parent_lock(_draft: &Draft<'_, Self>) -> ParentLock {
        Self::PARENT_LOCK
    }

    /// Reads the facts of a wave, under the locks.
    fn gather(conn: &mut Conn, drafts: &[Draft<'_, Self>], context: &Context) -> Result<Self::Facts, Fault>;

    /// Decides: the record as it shall be, or every reason why not. Pure.
    fn judge(facts: &Self::Facts, draft: &Draft<'_, Self>, context: &Context) -> Result<Self::Record, Problem>;

    /// Tells the facts of a verdict, for the changes of the same wave that share a chained claim with it: see
    /// [`Claims::chain`].
    fn absorb(_facts: &mut Self::Facts, _draft: &Draft<'_, Self>, _record: &Self::Record) {}

    /// Writes what belongs to the records but is not in their table.
    fn settle(_conn: &mut Conn, _settled: &[Settled<'_, '_, Self>], _context: &Context) -> Result<(), Fault> {
        Ok(())
    }

    /// Reads what is needed to show these records.
    fn around(conn: &mut Conn, records: &[&Self::Record], context: &Context) -> Result<Self::Around, Fault>;

    /// What a caller is shown of a record. Pure.
    fn view(
        record: &Self::Record,
        caller: &Caller,
        around: &Self::Around,
        context: &Context,
    ) -> Result<Self::View, Fault>;

    /// What each caller is shown of a record.
    fn views(conn: &mut Conn, shown: &[(&Self::Record, &Caller)], context: &Context) -> Result<Vec<Self::View>, Fault> {
        let records: Vec<&Self::Record> = shown.iter().map(|(record, _)| *record).collect();
        let around = Self::around(conn, &records, context)?;
        shown.iter().map(|(record, caller)| Self::view(record, caller, &around, context)).collect()
    }
}

/// How a change locks the partnership it lies in, so that its lifecycle and the change cannot overtake each other. Weakest
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParentLock {
    /// The record lies in no partnership.
    None,
    /// Many such changes may go on at once, but not while the partnership itself changes.
    Share,
    /// The change may decide whether the partnership still holds its rules: one at a time.
    Update,
}

/// Which record a change is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A new one.
    New,
    /// An existing one.
    Id(Uuid),
    /// The one that the caller's organisation calls by this name; a new one where there is none.
    External(String),
}

/// What is to be done.
pub enum Verb<R: Resource> {
    /// Make the record what the input says.
    Write(R::Input),
    /// Change what the merge-patch (RFC 7396) names.
    Patch(serde_json::Value),
    /// Delete it.
    Delete,
    /// A step of its lifecycle.
    Act(R::Act),
}

/// One change that one caller asks for.
pub struct Item<R: Resource> {
    /// Who asks.
    pub caller: Arc<Caller>,
    /// In which request.
    pub request: Arc<Request>,
    /// For which record.
    pub target: Target,
    /// What to do.
    pub verb: Verb<R>,
    /// The version the caller has read, where it states one.
    pub if_version: Option<i64>,
    /// The request's key and digest, where it has one.
    pub idempotency: Option<Idempotency>,
    /// What the answer shall tell.
    pub wants: Wants,
}

/// What the answer to a change shall tell besides what became of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// The record as the caller may see it.
    Record,
    /// Which fields of what clients send have changed.
    Fields,
}

/// What is to be done, with merge-patches resolved.
pub enum Change<'a, R: Resource> {
    /// Make the record what the input says.
    Write(Cow<'a, R::Input>),
    /// Delete it.
    Delete,
    /// A step of its lifecycle.
    Act(&'a R::Act),
}

/// A change on its way to the verdict.
pub struct Draft<'a, R: Resource> {
    /// Who asks.
    pub caller: &'a Caller,
    /// The record as it is, locked; `None` for a new one.
    pub before: Option<R::Record>,
    /// Id, source and name that the record has, or shall have.
    pub meta: Meta,
    /// What is to be done.
    pub change: Change<'a, R>,
    /// What it refers to.
    pub refs: R::Refs,
}

/// A change that was decided and written.
pub struct Settled<'d, 'a, R: Resource> {
    /// The change.
    pub draft: &'d Draft<'a, R>,
    /// The record as it is now.
    pub record: &'d R::Record,
}

/// Something that two changes cannot both depend on within one wave.
pub type Claim = u64;

/// The claims of one change.
#[derive(Debug, Default)]
pub struct Claims {
    alone: Vec<Claim>,
    chained: Vec<Claim>,
}

impl Claims {
    /// Claims `what` by the name of `realm`, for this change alone: whatever else claims it waits for the next wave.
    pub fn add(&mut self, realm: &str, what: impl Hash) {
        self.alone.push(claim(realm, what));
    }

    /// Claims the name that an organisation gave, or may give, a record of this kind; also for what refers to it and did not
    /// find it: an earlier change of the wave may be about to make it.
    pub fn name(&mut self, source: Uuid, external_id: &str) {
        self.add("name", (source, external_id));
    }

    /// Claims it together with others that chain it. They are judged in the wave, one after the other, and
    /// [`Resource::absorb`] tells the facts of each verdict before the next.
    pub fn chain(&mut self, realm: &str, what: impl Hash) {
        self.chained.push(claim(realm, what));
    }
}

fn claim(realm: &str, what: impl Hash) -> Claim {
    // A collision only makes two changes wait for each other that need not.
    let mut hasher = DefaultHasher::new();
    realm.hash(&mut hasher);
    what.hash(&mut hasher);
    hasher.finish()
}

/// The claims of a wave, as it is put together.
#[derive(Debug, Default)]
struct Claimed {
    /// Who claims what alone: places in `changes`.
    alone: HashMap<Claim, Vec<usize>>,
    chained: HashSet<Claim>,
    /// All that each change claims.
    changes: Vec<Vec<Claim>>,
}

impl Claimed {
    /// Whether a change with these claims may join the wave; its claims are kept in either case, since those behind one
    /// that waits must not overtake it.
    fn admit(&mut self, claims: Claims) -> bool {
        let all = claims.alone.iter().chain(&claims.chained);
        let ahead: Vec<usize> = all.filter_map(|claim| self.alone.get(claim)).flatten().copied().collect();
        let free = ahead.is_empty() && claims.alone.iter().all(|claim| !self.chained.contains(claim));
        let Claims { mut alone, mut chained } = claims;
        if !free {
            alone.append(&mut chained);
            // What it claims was found out before those ahead of it were carried out. They may make the record, or give it
            // what it then takes away, so it claims what they do.
            alone.extend(ahead.iter().filter_map(|change| self.changes.get(*change)).flatten());
            alone.sort_unstable();
            alone.dedup();
        }
        let change = self.changes.len();
        for claim in &alone {
            self.alone.entry(*claim).or_default().push(change);
        }
        self.chained.extend(&chained);
        alone.append(&mut chained);
        self.changes.push(alone);
        free
    }
}

impl<R: Resource> Draft<'_, R> {
    /// The record as a tombstone.
    pub fn tombstone(&self, context: &Context) -> Result<R::Record, Problem> {
        let mut record = self.before.clone().ok_or(Problem::new(crate::error::Code::NotFound))?;
        record.meta_mut().deleted_at = Some(context.now());
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::{Claimed, Claims};

    #[test]
    fn a_wave_takes_what_nobody_before_it_claims() {
        let mut wave = Claimed::default();
        let mut admitted = |alone: &[&str], chained: &[&str]| {
            let mut claims = Claims::default();
            alone.iter().for_each(|name| claims.add("test", name));
            chained.iter().for_each(|name| claims.chain("test", name));
            wave.admit(claims)
        };
        assert!(admitted(&["a"], &["x"]));
        assert!(admitted(&["b"], &["x", "y"]), "chained by both");
        assert!(!admitted(&["y"], &["z"]), "what others chain cannot be had alone");
        assert!(!admitted(&["c"], &["z"]), "one that waits is not overtaken");
        assert!(!admitted(&["c"], &[]), "nor is one that waits for it");
        assert!(admitted(&["d"], &["x"]));
        assert!(!admitted(&["a"], &[]), "claimed by the first alone");
        assert!(!admitted(&["e"], &["x"]), "the one that waits for the first may set free what that took");
    }
}
