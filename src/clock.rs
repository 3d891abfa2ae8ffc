//! The only place that asks the system what time it is. Everything else is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Europe::Rome;

/// Tells the time: the system's, or one that tests and the demo data set by hand.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until it is set; microseconds since the Unix epoch.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `instant`.
    pub fn fixed(instant: DateTime<Utc>) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(instant.timestamp_micros())))
    }

    /// Moves a fixed clock; the system's clock is not ours to move and stays as it is.
    pub fn set(&self, instant: DateTime<Utc>) {
        if let Self::Fixed(micros) = self {
            micros.store(instant.timestamp_micros(), Ordering::SeqCst);
        }
    }

    /// This instant, in the microseconds that PostgreSQL keeps.
    pub fn now(&self) -> DateTime<Utc> {
        let micros = match self {
            #[expect(clippy::disallowed_methods, reason = "the one caller of the system clock")]
            Self::System => Utc::now().timestamp_micros(),
            Self::Fixed(micros) => micros.load(Ordering::SeqCst),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

/// The calendar date of an instant in Italy, where deadlines end at midnight.
pub fn italian_date(instant: DateTime<Utc>) -> NaiveDate {
    instant.with_timezone(&Rome).date_naive()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_ends_at_midnight_in_italy() {
        let late = DateTime::parse_from_rfc3339("2012-07-31T22:30:00Z").unwrap().to_utc();
        assert_eq!(italian_date(late), NaiveDate::from_ymd_opt(2012, 8, 1).unwrap());
    }

    #[test]
    fn a_fixed_clock_moves_only_by_hand() {
        let start = DateTime::from_timestamp(1_340_000_000, 0).unwrap();
        let clock = Clock::fixed(start);
        assert_eq!(clock.now(), start);
        clock.set(start + chrono::Duration::days(1));
        assert_eq!(clock.now(), start + chrono::Duration::days(1));
    }
}
