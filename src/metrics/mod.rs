//! Figures for those who run the service, at `/metrics` (OpenMetrics): how it goes with the feed. Numbers only; nobody is named.

pub mod routes;
pub mod store;

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use store::Standing;

/// The figures of this process.
pub struct Metrics {
    registry: Registry,
    position: Gauge,
    pending: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    events: Gauge,
    sequencing: Histogram,
    sequenced: Counter,
    pages: Histogram,
}

/// The figures of this process, of which there is one set.
pub fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);
    &METRICS
}

impl Metrics {
    fn new() -> Self {
        // From a tenth of a millisecond to six seconds.
        let durations = || Histogram::new(exponential_buckets(0.0001, 3.0, 11));
        let (position, pending, oldest, events) =
            (Gauge::default(), Gauge::default(), Gauge::default(), Gauge::default());
        let (sequencing, sequenced, pages) = (durations(), Counter::default(), durations());
        let mut registry = Registry::with_prefix("ricolloca_feed");
        registry.register("position", "Transactions that have a place in the feed", position.clone());
        registry.register("pending", "Transactions that were committed and have no place yet", pending.clone());
        registry.register_with_unit(
            "pending_oldest",
            "How long ago the oldest of them wrote its first change: the feed's lag where nobody reads",
            Unit::Seconds,
            oldest.clone(),
        );
        registry.register("changes", "Changes in the log, by PostgreSQL's estimate", events.clone());
        registry.register_with_unit("sequencing", "Giving places, once", Unit::Seconds, sequencing.clone());
        registry.register("sequenced", "Transactions that this process gave a place", sequenced.clone());
        registry.register_with_unit("page", "Reading a page, without waiting for news", Unit::Seconds, pages.clone());
        Self { registry, position, pending, oldest, events, sequencing, sequenced, pages }
    }

    /// Places were given to so many transactions in so long a time.
    pub fn sequenced(&self, transactions: i64, took: Duration) {
        self.sequencing.observe(took.as_secs_f64());
        self.sequenced.inc_by(u64::try_from(transactions).unwrap_or_default());
    }

    /// A page was read in so long a time.
    pub fn page(&self, took: Duration) {
        self.pages.observe(took.as_secs_f64());
    }

    /// All figures, with where the feed stands.
    pub fn text(&self, standing: &Standing) -> Result<String, fmt::Error> {
        self.position.set(standing.position);
        self.pending.set(standing.pending);
        self.oldest.set(standing.oldest_seconds);
        self.events.set(standing.events);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
