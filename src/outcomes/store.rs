//! Outcomes in the database.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::model::Outcome;
use super::wire::OutcomeFilter;
use crate::db::schema::{outcome, sight};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault};
use crate::http::page::Page;
use crate::identifiers::{Ccnl, Cob, Profession};
use crate::ids::Id;
use crate::participants::Participants;
use crate::partnerships::Partnerships;
use crate::vocabularies::terms::{OutcomeKind, OutcomeState, WorkingTime};
use crate::{keyset, stored};

stored! {
    outcome => Outcome {
        partnership_id: Id<Partnerships>,
        participant_id: Id<Participants>,
        kind: OutcomeKind,
        contract_type: Option<String>,
        working_time: Option<WorkingTime>,
        employer_sealed: Option<Vec<u8>>,
        employer_index: Option<Vec<u8>>,
        starts_on: NaiveDate,
        ends_on: Option<NaiveDate>,
        cob: Option<Cob>,
        previous_cob: Option<Cob>,
        cob_annulled: bool,
        ccnl: Option<Ccnl>,
        profession: Option<Profession>,
        vat_opened_on: Option<NaiveDate>,
        state: OutcomeState,
        state_reason: Option<String>,
        state_changed_on: NaiveDate,
    }
}

/// A page of outcomes.
pub fn list(
    conn: &mut Conn,
    filter: &OutcomeFilter,
    page: &Page,
    sees: Option<Uuid>,
) -> Result<Vec<Outcome>, QueryError> {
    let mut query = outcome::table.filter(outcome::deleted_at.is_null()).select(Row::as_select()).into_boxed();
    if let Some(organisation) = sees {
        query =
            query
                .filter(outcome::partnership_id.eq_any(
                    sight::table.filter(sight::organisation_id.eq(organisation)).select(sight::partnership_id),
                ));
    }
    if let Some(partnership) = filter.partnership {
        query = query.filter(outcome::partnership_id.eq(partnership));
    }
    if let Some(participant) = filter.participant {
        query = query.filter(outcome::participant_id.eq(participant));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(outcome::kind.eq(kind.as_str()));
    }
    if let Some(state) = filter.state {
        query = query.filter(outcome::state.eq(state.as_str()));
    }
    if let Some(contract_type) = &filter.contract_type {
        query = query.filter(outcome::contract_type.eq(contract_type));
    }
    if let Some(day) = filter.starts_from {
        query = query.filter(outcome::starts_on.ge(day));
    }
    if let Some(day) = filter.starts_to {
        query = query.filter(outcome::starts_on.le(day));
    }
    if let Some(external_id) = &filter.external_id {
        query = query.filter(outcome::external_id.eq(external_id));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(outcome::updated_at.ge(since));
    }
    keyset!(query, page, outcome, { "created_at" => created_at: DateTime<Utc>, "updated_at" => updated_at: DateTime<Utc>, "starts_on" => starts_on: NaiveDate });
    Ok(records(query.load(conn)?)?)
}

/// The live outcomes of these participants.
pub fn of_participants(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<Outcome>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    records(
        outcome::table
            .filter(outcome::participant_id.eq_any(ids))
            .filter(outcome::deleted_at.is_null())
            .select(Row::as_select())
            .load(conn)?,
    )
}

/// Which outcomes rest on these notices; a withdrawn one rests on none.
pub fn holders(conn: &mut Conn, cobs: &[&str]) -> Result<HashMap<String, Uuid>, Fault> {
    if cobs.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Option<String>, Uuid)> = outcome::table
        .filter(outcome::cob.eq_any(cobs))
        .filter(outcome::deleted_at.is_null())
        .filter(outcome::state.ne(OutcomeState::Withdrawn.as_str()))
        .select((outcome::cob, outcome::id))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(cob, id)| Some((cob?, id))).collect())
}
