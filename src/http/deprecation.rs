//! How the end of an operation is announced: in the document, and in every answer by `Deprecation` (RFC 9745), `Sunset`
//! (RFC 8594) and a link to what takes its place. Nothing that was released goes away without it.

use actix_web::http::header::{LINK, TryIntoHeaderPair};
use actix_web::middleware::DefaultHeaders;
use chrono::{NaiveDate, NaiveTime};
use serde_json::{Map, Value, json};

/// The announcement that an operation will go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deprecation {
    /// The day from which new clients should not use it.
    pub since: NaiveDate,
    /// The first day on which it may no longer answer.
    pub sunset: NaiveDate,
    /// The page that says what takes its place.
    pub page: &'static str,
}

impl Deprecation {
    /// The headers of every answer.
    pub(super) fn headers(self) -> DefaultHeaders {
        let [deprecation, sunset, link] = self.values();
        let add = |headers: DefaultHeaders, pair: (&'static str, String)| {
            // A value that is no header would be a slip in `page`; the test of this module sees it.
            if pair.clone().try_into_pair().is_ok() { headers.add(pair) } else { headers }
        };
        let headers = add(DefaultHeaders::new(), ("Deprecation", deprecation));
        add(add(headers, ("Sunset", sunset)), (LINK.as_str(), link))
    }

    fn values(self) -> [String; 3] {
        let since = self.since.and_time(NaiveTime::MIN).and_utc().timestamp();
        let sunset = self.sunset.and_time(NaiveTime::MIN).format("%a, %d %b %Y %H:%M:%S GMT");
        let link = format!("<{}>; rel=\"deprecation\"; type=\"text/html\"", self.page);
        [format!("@{since}"), sunset.to_string(), link]
    }

    /// The same, as the document describes it.
    pub(super) fn described(self) -> Map<String, Value> {
        let names = ["Deprecation", "Sunset", "Link"];
        let meanings = [
            "Since when the operation is deprecated, in seconds of the Unix time (RFC 9745).",
            "When it may stop answering (RFC 8594).",
            "The page that says what takes its place.",
        ];
        names
            .into_iter()
            .zip(meanings)
            .zip(self.values())
            .map(|((name, meaning), value)| {
                let schema = json!({"type": "string", "maxLength": 500});
                (name.to_owned(), json!({"description": meaning, "schema": schema, "example": value}))
            })
            .collect()
    }
}
