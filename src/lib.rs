//! Ricolloca: the API through which Lombardy's territorial partnerships for re-employment work together.
//!
//! Read this page first. Data flows one way: `routes -> ops -> {rules, store}`.
//!
//! | where | what |
//! |---|---|
//! | [`app`], [`openapi`], [`health`] | the service put together: one line per slice |
//! | [`http`] | requests and answers: [`http::permit`] (who may), [`http::endpoint`] (operations that document themselves), [`http::crud`] (what every resource has) |
//! | [`batch`] | the one write path: every change is an item of a batch, a single request as well as an import |
//! | [`db`] | connections, the database threads, models as rows |
//! | the slices | [`organisations`], [`calls`], [`partnerships`], [`members`], [`cohorts`], [`participants`], [`actions`], [`outcomes`]: each with `model` (the facts), `wire` (what clients send and get), `rules` (pure), `ops` (load, decide, write), `store` (its queries), `routes` |
//! | [`imports`] | many changes in one request, at once or as a job that survives the process |
//! | [`feed`] | the exact change log, pulled |
//! | [`exports`] | all of a kind at one instant, and where the feed goes on from there |
//! | [`reconciliations`] | whether a copy is what it should be |
//! | [`pull`] | `ricolloca pull`: the reference client of all of these |
//! | [`metrics`] | figures for those who run the service |
//! | [`audit`] | who did what, and was shown whose personal data; sealed |
//! | [`push`] | `ricolloca push`, the reference client of imports |
//! | [`remote`] | the service as such clients see it |
//! | [`identity`] | clients, scopes, tokens |
//! | [`identifiers`], [`vocabularies`], [`shape`] | codes, reference data, the form of bodies |
//! | [`rules_catalogue`] | the codes of all domain rules, with citations and examples |
//! | [`workers`], [`retention`] | what a worker may ask for, and the end of what is kept |
//! | [`vault`] | personal data at rest |
//! | [`embedded`] | the private PostgreSQL of a first run |
//! | [`seed`] | demo data, which goes through the rules like everything else |
//! | [`places`] | what is few, shared fairly |
//! | [`clock`], [`ids`] | time and randomness, which are arguments everywhere |
//!
//! A slice depends only on slices before it in the order of [`kind::Kind`].

pub mod actions;
pub mod admin;
pub mod app;
pub mod audit;
pub mod batch;
pub mod calls;
pub mod clock;
pub mod codes;
pub mod cohorts;
pub mod config;
pub mod db;
pub mod docs;
pub mod embedded;
pub mod error;
pub mod exports;
pub mod feed;
pub mod health;
pub mod housekeeping;
pub mod http;
pub mod identifiers;
pub mod identity;
pub mod ids;
pub mod imports;
pub mod kind;
pub mod members;
pub mod metrics;
pub mod openapi;
pub mod organisations;
pub mod outcomes;
pub mod participants;
pub mod partnerships;
pub mod places;
pub mod pull;
pub mod push;
pub mod reconciliations;
pub mod remote;
pub mod retention;
pub mod rules_catalogue;
pub mod seed;
pub mod serve;
pub mod shape;
pub mod telemetry;
pub mod text;
pub mod vault;
pub mod vocabularies;
pub mod workers;
