//! Calls in the database.

use chrono::NaiveDate;

use super::model::{Call, CallRules};
use crate::db::Json;
use crate::stored;

stored! {
    call => Call {
        code: String,
        title: String,
        allocation_cents: i64,
        applications_from: NaiveDate,
        applications_to: NaiveDate,
        activities_from: NaiveDate,
        activities_to: NaiveDate,
        reporting_deadline: NaiveDate,
        rules: Json<CallRules>,
    }
}
