//! Who reads the answer: in which language, and where it is.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT, ACCEPT_LANGUAGE, HeaderMap};
use actix_web::{FromRequest, HttpRequest};

use super::endpoint::{Described, Operation};
use crate::error::Problem;
use crate::text::Language;

/// One JSON document a line.
pub const NDJSON: &str = "application/x-ndjson";

/// The reader of an answer.
pub struct Reader {
    /// The language that it prefers.
    pub language: Language,
    /// Whether lines (NDJSON) are wanted rather than one document.
    pub wants_lines: bool,
    here: String,
}

impl Reader {
    /// Path and query of the page that begins with this cursor.
    pub fn page(&self, cursor: &str) -> String {
        let join = if self.here.contains('?') { '&' } else { '?' };
        format!("{}{join}cursor={cursor}", self.here)
    }
}

impl FromRequest for Reader {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let kept = |pair: &&str| !pair.is_empty() && !pair.starts_with("cursor=");
        let rest: Vec<&str> = request.query_string().split('&').filter(kept).collect();
        let path = request.path();
        let here = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
        let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let wants_lines =
            accepted.split(',').any(|media| media.split(';').next().is_some_and(|media| media.trim() == NDJSON));
        ready(Ok(Self { language: language(request.headers()), wants_lines, here }))
    }
}

impl Described for Reader {
    fn describe(_: &mut Operation) {}
}

/// The language of `Accept-Language`: Italian where it is preferred to English, else English.
pub fn language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let quality = |wanted: &str| -> f32 {
        accepted
            .split(',')
            .filter_map(|entry| {
                let mut parts = entry.split(';');
                let tag = parts.next()?.trim();
                let matches = tag.get(..2).is_some_and(|primary| primary.eq_ignore_ascii_case(wanted))
                    && (tag.len() == 2 || tag.as_bytes().get(2) == Some(&b'-'));
                let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
                matches.then_some(quality)
            })
            .fold(0.0, f32::max)
    };
    if quality("it") > quality("en") { Language::Italian } else { Language::English }
}
