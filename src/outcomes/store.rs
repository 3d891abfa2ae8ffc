//! Outcomes in the database.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::count_star;
use diesel::prelude::*;
use uuid::Uuid;

use super::model::Outcome;
use super::wire::OutcomeFilter;
use crate::db::schema::{cohort, outcome, outcome_revision, participant, partnership, sight};
use crate::db::threads::QueryError;
use crate::db::{Conn, Fault};
use crate::http::page::Page;
use crate::identifiers::{Ccnl, Cob, Profession};
use crate::ids::Id;
use crate::participants::Participants;
use crate::partnerships::Partnerships;
use crate::vocabularies::codes::{Province, Sector};
use crate::vocabularies::terms::{OutcomeKind, OutcomeState, WorkingTime};
use crate::{keyset, narrow, stored};

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
        let seen = sight::table.filter(sight::organisation_id.eq(organisation)).select(sight::partnership_id);
        query = query.filter(outcome::partnership_id.eq_any(seen));
    }
    if let Some(calls) = &filter.call {
        let under = partnership::table.filter(partnership::call_id.eq_any(calls.clone())).select(partnership::id);
        query = query.filter(outcome::partnership_id.eq_any(under));
    }
    if let Some(sectors) = &filter.sector {
        let of = partnership::table.filter(partnership::ateco.eq_any(Sector::with_all_below(sectors)));
        query = query.filter(outcome::partnership_id.eq_any(of.select(partnership::id)));
    }
    if let Some(cohorts) = &filter.cohort {
        // The partnership as well: its outcomes are found by an index, while those of many workers look like half of all.
        let within = cohort::table.filter(cohort::id.eq_any(cohorts.clone())).select(cohort::partnership_id);
        let of = participant::table.filter(participant::cohort_id.eq_any(cohorts.clone())).select(participant::id);
        query = query.filter(outcome::partnership_id.eq_any(within)).filter(outcome::participant_id.eq_any(of));
    }
    if let Some(values) = &filter.operator {
        let of = participant::table.filter(participant::operator_organisation_id.eq_any(values.clone()));
        query = query.filter(outcome::participant_id.eq_any(of.select(participant::id)));
    }
    if let Some(values) = &filter.province {
        let of = participant::table.filter(participant::municipality.eq_any(Province::municipalities(values)));
        query = query.filter(outcome::participant_id.eq_any(of.select(participant::id)));
    }
    if let Some(day) = filter.as_of {
        query =
            query.filter(outcome::starts_on.le(day)).filter(outcome::ends_on.is_null().or(outcome::ends_on.ge(day)));
    }
    narrow!(query, outcome, filter);
    narrow!(query, outcome, {
        uuid partnership_id filter.partnership, uuid participant_id filter.participant, text kind filter.kind,
        text state filter.state, text contract_type filter.contract_type, text working_time filter.working_time,
        from starts_on filter.starts_from, to starts_on filter.starts_to,
        from ends_on filter.ends_from, to ends_on filter.ends_to,
        from state_changed_on filter.state_changed_from, to state_changed_on filter.state_changed_to,
    });
    keyset!(query, page, outcome, {
        "created_at" => created_at: DateTime<Utc>,
        "updated_at" => updated_at: DateTime<Utc>,
        "starts_on" => starts_on: NaiveDate,
        "state_changed_on" => state_changed_on: NaiveDate,
    });
    Ok(records(query.load(conn)?)?)
}

/// When each revision of an outcome was recorded, oldest first: some that come after a version.
pub fn recorded(conn: &mut Conn, id: Uuid, after: i64, limit: i64) -> Result<Vec<(i64, DateTime<Utc>)>, Fault> {
    outcome_revision::table
        .filter(outcome_revision::id.eq(id))
        .filter(outcome_revision::version.gt(after))
        .order(outcome_revision::version)
        .limit(limit)
        .select((outcome_revision::version, outcome_revision::updated_at))
        .load(conn)
}

/// The live outcomes of those among these participants who have several. Who has one is passed over in the index.
pub fn siblings(conn: &mut Conn, participants: &[Uuid]) -> Result<Vec<Outcome>, Fault> {
    if participants.is_empty() {
        return Ok(Vec::new());
    }
    let counted = diesel::alias!(outcome as counted);
    let several = counted
        .filter(counted.field(outcome::participant_id).eq_any(participants))
        .filter(counted.field(outcome::deleted_at).is_null())
        .group_by(counted.field(outcome::participant_id))
        .having(count_star().gt(1))
        .select(counted.field(outcome::participant_id));
    records(
        outcome::table
            .filter(outcome::participant_id.eq_any(several))
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
    #[derive(QueryableByName)]
    struct Holder {
        #[diesel(sql_type = diesel::sql_types::Text)]
        cob: String,
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        id: Uuid,
    }
    let rows: Vec<Holder> = diesel::sql_query("SELECT * FROM notice_holders($1)")
        .bind::<diesel::sql_types::Array<diesel::sql_types::Text>, _>(cobs)
        .load(conn)?;
    Ok(rows.into_iter().map(|Holder { cob, id }| (cob, id)).collect())
}
