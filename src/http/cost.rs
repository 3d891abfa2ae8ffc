//! What requests cost, in units of the quotas ([`super::limits`]), by the path that they are routed by.

use actix_web::http::Method;

/// What a request costs, in units: about what it takes of the database, a read by id being one.
pub fn cost(method: &Method, path: &str) -> u32 {
    let mut segments = path.trim_matches('/').split('/').skip(1);
    let (collection, one) = (segments.next().unwrap_or_default(), segments.next());
    match (method, collection, one) {
        (_, "exports" | "reconciliations", _) => 100,
        (&Method::POST, "imports", None) => 50,
        (&Method::GET, "changes", _) => 10,
        (&Method::GET | &Method::HEAD, _, None) => 5,
        (&Method::POST, "participants", Some("lookup")) => 5,
        (&Method::POST, "workers", Some("export")) => 50,
        (&Method::GET | &Method::HEAD | &Method::OPTIONS, ..) => 1,
        _ => 3,
    }
}

/// Whether a request looks a worker up by tax code.
pub fn is_lookup(path: &str) -> bool {
    matches!(path, "/v1/participants/lookup" | "/v1/workers/export")
}

/// Whether a request may be told that a worker is in charge elsewhere: one that writes participants, or an import.
pub fn may_probe(method: &Method, path: &str) -> bool {
    let writes = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    writes && (path == "/v1/imports" || path.starts_with("/v1/participants"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dear_operations_cost_more() {
        let of = |method: Method, path: &str| cost(&method, path);
        assert_eq!(of(Method::GET, "/v1/participants/x"), 1);
        assert_eq!(of(Method::GET, "/v1/participants"), 5);
        assert_eq!(of(Method::POST, "/v1/participants"), 3);
        assert_eq!(of(Method::PUT, "/v1/actions/by-external-id/x"), 3);
        assert_eq!(of(Method::POST, "/v1/participants/lookup"), 5);
        assert_eq!(of(Method::GET, "/v1/changes"), 10);
        assert_eq!(of(Method::POST, "/v1/imports"), 50);
        assert_eq!(of(Method::GET, "/v1/imports/x/report"), 1);
        assert_eq!(of(Method::GET, "/v1/exports/outcomes"), 100);
        assert_eq!(of(Method::POST, "/v1/workers/export"), 50);
    }
}
