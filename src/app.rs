//! The service put together: one line per slice.

use std::sync::LazyLock;

use actix_web::web;

use crate::actions::Actions;
use crate::calls::Calls;
use crate::cohorts::Cohorts;
use crate::feed::ops::Source;
use crate::http::endpoint::Api;
use crate::members::Members;
use crate::organisations::Organisations;
use crate::outcomes::Outcomes;
use crate::participants::Participants;
use crate::partnerships::Partnerships;
use crate::reconciliations::ops::Comparison;
use crate::{
    actions, audit, calls, cohorts, docs, exports, feed, health, identity, imports, members, metrics, organisations,
    outcomes, participants, partnerships, reconciliations, vocabularies, workers,
};

/// All operations. Built once: every worker registers the same.
pub fn api() -> &'static Api {
    static API: LazyLock<Api> = LazyLock::new(|| {
        let mut api = Api::default();
        health::register(&mut api);
        identity::routes::register(&mut api);
        vocabularies::routes::register(&mut api);
        organisations::routes::register(&mut api);
        calls::routes::register(&mut api);
        partnerships::routes::register(&mut api);
        members::routes::register(&mut api);
        cohorts::routes::register(&mut api);
        participants::routes::register(&mut api);
        actions::routes::register(&mut api);
        outcomes::routes::register(&mut api);
        workers::routes::register(&mut api);
        imports::routes::register(&mut api);
        feed::routes::register(&mut api);
        exports::routes::register::<Organisations>(&mut api);
        exports::routes::register::<Calls>(&mut api);
        exports::routes::register::<Partnerships>(&mut api);
        exports::routes::register::<Members>(&mut api);
        exports::routes::register::<Cohorts>(&mut api);
        exports::routes::register::<Participants>(&mut api);
        exports::routes::register::<Actions>(&mut api);
        exports::routes::register::<Outcomes>(&mut api);
        reconciliations::routes::register(&mut api);
        audit::routes::register(&mut api);
        api
    });
    &API
}

/// The kinds of record that the feed delivers.
pub fn feed_sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        vec![
            Source::of::<Organisations>(),
            Source::of::<Calls>(),
            Source::of::<Partnerships>(),
            Source::of::<Members>(),
            Source::of::<Cohorts>(),
            Source::of::<Participants>(),
            Source::of::<Actions>(),
            Source::of::<Outcomes>(),
        ]
    });
    &SOURCES
}

/// The kinds of record that copies are compared with.
pub fn comparisons() -> &'static [Comparison] {
    static COMPARISONS: [Comparison; 8] = [
        Comparison::of::<Organisations>(),
        Comparison::of::<Calls>(),
        Comparison::of::<Partnerships>(),
        Comparison::of::<Members>(),
        Comparison::of::<Cohorts>(),
        Comparison::of::<Participants>(),
        Comparison::of::<Actions>(),
        Comparison::of::<Outcomes>(),
    ];
    &COMPARISONS
}

/// Adds everything to an application.
pub fn configure(config: &mut web::ServiceConfig) {
    api().configure(config);
    docs::configure(config);
    metrics::routes::configure(config);
}
