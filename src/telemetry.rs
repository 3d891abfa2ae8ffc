//! Logs: structured, to standard error, without personal data. Requests are logged by route and id, never by URL.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Begins logging. A second call, as tests make it, changes nothing.
pub fn start(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
