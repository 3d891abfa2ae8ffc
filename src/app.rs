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
use crate::{
    actions, calls, cohorts, docs, feed, health, identity, imports, members, organisations, outcomes, participants,
    partnerships, vocabularies,
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
        imports::routes::register(&mut api);
        feed::routes::register(&mut api);
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

/// Adds everything to an application.
pub fn configure(config: &mut web::ServiceConfig) {
    api().configure(config);
    docs::configure(config);
}
