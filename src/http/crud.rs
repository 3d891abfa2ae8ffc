//! The operations that every resource has, once.

use actix_web::Either;
use actix_web::http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::endpoint::{About, Api};
use super::extract::{Body, IdempotencyKey, IfMatch, IfNoneMatch, MayMatch, MergePatch, PathExternalId, PathId};
use super::page::{Listing, Page};
use super::permit::Permit;
use super::respond::{Changed, Created, Items, Listed, Removed, Shown, Written};
use super::select::{Embed, Selected, Selection};
use crate::audit::{self, Request};
use crate::batch::{Context, Fetched, Item, Job, Lookup, Resource, Target, Verb, Wants, refs};
use crate::db::history::{self, Past};
use crate::db::threads::QueryError;
use crate::db::{Conn, Stored};
use crate::error::{Code, Problem, Violation};
use crate::identity::Caller;
use crate::identity::scopes::Scope;
use crate::kind::Kind;
use crate::text;

/// A resource with operations of its own under `/v1`.
pub trait Exposed: Resource {
    /// The scope that reads it.
    type Read: Scope;
    /// The scope that writes it.
    type Write: Scope;
    /// What a list can be narrowed to.
    type Filter: DeserializeOwned + ToSchema + Send + 'static;
    /// The fields a list can be ordered by; the first is the default.
    const SORTS: &'static [&'static str];
    /// The records it refers to that can be read along with it.
    const EMBEDS: &'static [Embed<Self>] = &[];
    /// What it is, in a sentence, with the Italian term.
    const MEANING: &'static str;
    /// Who may change it, and when.
    const WRITING: &'static str;
    /// What a record that is written can be in conflict with, besides the lifecycle and the names that are taken.
    const CONFLICTS: &'static [Code] = &[];

    /// The records of a page, and one more where there is one. `sight` limits them to what this organisation sees.
    fn list(
        conn: &mut Conn,
        filter: &Self::Filter,
        page: &Page,
        sight: Option<Uuid>,
    ) -> Result<Vec<Self::Record>, QueryError>;

    /// The past that a filter asks for, where the kind keeps one.
    fn past(_: &Self::Filter) -> Option<Past> {
        None
    }

    /// The value of a record that a page ordered by `sort` goes on from.
    fn sort_value(record: &Self::Record, sort: &str) -> Value;
}

/// The path of a collection.
pub fn collection<R: Resource>() -> String {
    format!("/v1/{}", R::KIND.plural())
}

/// Registers the operations that every resource has.
pub fn register<R: Exposed>(api: &mut Api) {
    let (one, many) = (R::KIND.name(), R::KIND.plural());
    let path = collection::<R>();
    let by_id = format!("{path}/{{id}}");
    let by_name = format!("{path}/by-external-id/{{external_id}}");
    let about = |id: String, summary: String, description: String| About { id, tag: many, summary, description };
    let conflicts = [&[Code::NotYours, Code::WrongState, Code::AlreadyExists], R::CONFLICTS].concat();
    api.operation(
        Method::GET,
        &path,
        about(
            format!("list_{many}"),
            format!("List {many}"),
            format!(
                "{} The {many} that the caller may see, page by page. Filters are combined with *and*.",
                R::MEANING
            ),
        ),
        list::<R>,
    );
    api.operation(
        Method::POST,
        &path,
        about(
            format!("create_{one}"),
            format!("Create one {one}"),
            format!("{} A retry with the same `Idempotency-Key` has no second effect.", R::WRITING),
        ),
        create::<R>,
    )
    .refuses(&conflicts);
    api.operation(
        Method::GET,
        &by_id,
        about(format!("show_{one}"), format!("Read one {one}"), R::MEANING.to_owned()),
        read::<R>,
    );
    api.operation(
        Method::PUT,
        &by_id,
        about(
            format!("replace_{one}"),
            format!("Replace one {one}"),
            format!(
                "{} What the body leaves out is emptied. A body that changes nothing leaves the version as it is.",
                R::WRITING
            ),
        ),
        replace::<R>,
    )
    .refuses(&conflicts);
    api.operation(
        Method::PATCH,
        &by_id,
        about(
            format!("edit_{one}"),
            format!("Change parts of one {one}"),
            format!("{} By merge-patch (RFC 7396): what the body leaves out stays, null empties.", R::WRITING),
        ),
        patch::<R>,
    )
    .refuses(&conflicts);
    api.operation(
        Method::DELETE,
        &by_id,
        about(
            format!("remove_{one}"),
            format!("Remove one {one}"),
            format!(
                "{} As far as the lifecycle allows and nothing refers to it; the feed keeps a tombstone.",
                R::WRITING
            ),
        ),
        remove::<R>,
    )
    .refuses(&[Code::NotYours, Code::WrongState, Code::StillReferenced, Code::Invalid]);
    api.operation(
        Method::PUT,
        &by_name,
        about(
            format!("upsert_{one}"),
            format!("Create or replace one {one} by its external id"),
            format!(
                "{} The way of a pusher: the same request again changes nothing. `If-Match` is possible, not needed.",
                R::WRITING
            ),
        ),
        upsert::<R>,
    )
    .refuses(&conflicts);
}

/// Carries out one change and waits for its answer.
pub async fn apply<R: Resource, S: Scope>(permit: &Permit<S>, item: Item<R>) -> Result<Changed<R::View>, Problem> {
    let reply = permit.database().apply(|reply| Job::new(item, Some(reply))).await?;
    Ok(Changed::new(reply, &collection::<R>()))
}

async fn create<R: Exposed>(
    permit: Permit<R::Write>,
    key: IdempotencyKey,
    body: Body<R::Input>,
) -> Result<Created<R::View>, Problem> {
    let idempotency = key.over(&permit.caller().client_id, &body.digest);
    let item = Item::<R> {
        caller: permit.caller().clone(),
        request: permit.request().clone(),
        target: Target::New,
        verb: Verb::Write(body.value),
        if_version: None,
        idempotency,
        wants: Wants::Record,
    };
    apply(&permit, item).await.map(Created)
}

async fn read<R: Exposed>(
    permit: Permit<R::Read>,
    id: PathId,
    known: IfNoneMatch,
    selection: Selection<R>,
) -> Result<Selected<R, Shown<R::View>>, Problem> {
    let caller = permit.caller().clone();
    let reading = permit.request().as_ref().clone();
    selection.permit(&caller)?;
    if selection.embeds() {
        let fetched = permit
            .database()
            .query(move |conn, context| show(conn, id.0, &selection, &caller, &reading, context))
            .await?;
        // What is embedded changes without a new version of this record.
        return Ok(Selected::new(Shown::new(fetched, false)));
    }
    let mut fetched = permit.database().look_up(|reply| Lookup::new::<R>(id.0, caller, reading, reply)).await?;
    let known = known.has(fetched.version);
    if !selection.is_whole() && !known {
        let view = serde_json::from_slice(&fetched.body).map_err(|_| Problem::new(Code::Internal))?;
        fetched.body = serde_json::to_vec(&selection.cut(view)).map_err(|_| Problem::new(Code::Internal))?;
    }
    Ok(Selected::new(Shown::new(fetched, known)))
}

/// One record with what is embedded in it.
fn show<R: Exposed>(
    conn: &mut Conn,
    id: Uuid,
    selection: &Selection<R>,
    caller: &Caller,
    reading: &Request,
    context: &Context,
) -> Result<Fetched, QueryError> {
    let records: Vec<R::Record> = refs::visible::<R>(conn, &[caller], &[Some(id)])?.into_iter().flatten().collect();
    let shown: Vec<(&R::Record, &Caller)> = records.iter().map(|record| (record, caller)).collect();
    let views = R::views(conn, &shown, context)?;
    let mut read: Read = records.iter().map(|record| (R::KIND, record.meta().id)).collect();
    let view = selection.apply(conn, &records, caller, context, &views, &mut read)?.pop();
    audit::note(conn, caller, reading, read.into_iter(), context)?;
    let (Some(record), Some(view)) = (records.first(), view) else { return Err(Problem::new(Code::NotFound).into()) };
    let body = serde_json::to_vec(&view).map_err(|_| Problem::new(Code::Internal))?;
    Ok(Fetched { version: record.meta().version, body })
}

async fn replace<R: Exposed>(
    permit: Permit<R::Write>,
    id: PathId,
    version: IfMatch,
    body: Body<R::Input>,
) -> Result<Changed<R::View>, Problem> {
    let item = Item::<R> {
        caller: permit.caller().clone(),
        request: permit.request().clone(),
        target: Target::Id(id.0),
        verb: Verb::Write(body.value),
        if_version: version.0,
        idempotency: None,
        wants: Wants::Record,
    };
    apply(&permit, item).await
}

async fn patch<R: Exposed>(
    permit: Permit<R::Write>,
    id: PathId,
    version: IfMatch,
    body: MergePatch<R::Input>,
) -> Result<Changed<R::View>, Problem> {
    let item = Item::<R> {
        caller: permit.caller().clone(),
        request: permit.request().clone(),
        target: Target::Id(id.0),
        verb: Verb::Patch(body.patch),
        if_version: version.0,
        idempotency: None,
        wants: Wants::Record,
    };
    apply(&permit, item).await
}

async fn remove<R: Exposed>(permit: Permit<R::Write>, id: PathId, version: IfMatch) -> Result<Removed, Problem> {
    let item = Item::<R> {
        caller: permit.caller().clone(),
        request: permit.request().clone(),
        target: Target::Id(id.0),
        verb: Verb::Delete,
        if_version: version.0,
        idempotency: None,
        wants: Wants::Record,
    };
    permit.database().apply(|reply| Job::new(item, Some(reply))).await.map(Removed)
}

async fn upsert<R: Exposed>(
    permit: Permit<R::Write>,
    name: PathExternalId,
    version: MayMatch,
    body: Body<R::Input>,
) -> Result<Written<R::View>, Problem> {
    let item = Item::<R> {
        caller: permit.caller().clone(),
        request: permit.request().clone(),
        target: Target::External(name.0),
        verb: Verb::Write(body.value),
        if_version: version.0,
        idempotency: None,
        wants: Wants::Record,
    };
    apply(&permit, item).await.map(Written)
}

async fn list<R: Exposed>(permit: Permit<R::Read>, listing: Listing<R>) -> Result<Listed<R>, Problem> {
    let caller = permit.caller().clone();
    let reading = permit.request().as_ref().clone();
    listing.selection.permit(&caller)?;
    permit
        .database()
        .query(move |conn, context| {
            let (page, read) = match past_of::<R>(&listing.filter, context)? {
                Some(past) => history::read(conn, past, |conn| page(conn, &listing, &caller, context)),
                None => page(conn, &listing, &caller, context),
            }?;
            audit::note(conn, &caller, &reading, read.into_iter(), context)?;
            Ok(page)
        })
        .await
}

/// Records that were read.
type Read = Vec<(Kind, Uuid)>;

/// A page, and what was read for it.
fn page<R: Exposed>(
    conn: &mut Conn,
    listing: &Listing<R>,
    caller: &Caller,
    context: &Context,
) -> Result<(Listed<R>, Read), QueryError> {
    let mut records = R::list(conn, &listing.filter, &listing.page, caller.sight())?;
    let limit = usize::try_from(listing.page.limit).unwrap_or(usize::MAX);
    let next = if records.len() > limit {
        records.truncate(limit);
        records.last().map(|last| listing.next(last))
    } else {
        None
    };
    let shown: Vec<(&R::Record, &Caller)> = records.iter().map(|record| (record, caller)).collect();
    let views = R::views(conn, &shown, context)?;
    let mut read: Read = records.iter().map(|record| (R::KIND, record.meta().id)).collect();
    let page = if listing.selection.is_whole() {
        Either::Left(Items::new(views, next))
    } else {
        let parts = listing.selection.apply(conn, &records, caller, context, &views, &mut read)?;
        Either::Right(Items::new(parts, next))
    };
    Ok((Selected::new(page), read))
}

/// The past that a filter asks for. What will be known is not known yet, and a later answer would be another one.
pub fn past_of<R: Exposed>(filter: &R::Filter, context: &Context) -> Result<Option<Past>, Problem> {
    let past = R::past(filter);
    if past.and_then(|past| past.known_at).is_some_and(|at| at > context.now()) {
        let detail = text!("The instant has not come yet." / "L'istante non è ancora arrivato.");
        return Err(Problem::malformed(vec![Violation::new("as_known_at", "in_the_future", detail)]));
    }
    Ok(past)
}

/// The sort values that every record has.
pub fn common_sort_value(record: &impl Stored, sort: &str) -> Value {
    let meta = record.meta();
    serde_json::to_value(if sort == "updated_at" { meta.updated_at } else { meta.created_at }).unwrap_or_default()
}
