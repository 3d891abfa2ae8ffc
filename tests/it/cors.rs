//! What a browser is told about pages of other origins, and of our own.

use crate::support::Service;

const PORTAL: &str = "https://portal.example.org";

#[test]
fn pages_of_listed_origins_may_call_and_no_others() {
    let service = Service::start_with_flags(&["--cors-origins", "https://portal.example.org,http://127.0.0.1:3000"]);
    let client = service.client("operator-1");
    let ask = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "authorization,if-match,content-type"),
        ];
        service.anonymous().send("OPTIONS", "/v1/partnerships", &headers, "")
    };
    for origin in [PORTAL, "http://127.0.0.1:3000"] {
        let preflight = ask(origin).expect(200);
        assert_eq!(preflight.header("access-control-allow-origin"), Some(origin));
        assert!(preflight.header("access-control-allow-methods").unwrap().contains("PATCH"));
        let allowed = preflight.header("access-control-allow-headers").unwrap();
        assert!(["authorization", "if-match", "content-type"].iter().all(|name| allowed.contains(name)), "{allowed}");
        assert_eq!(preflight.header("access-control-allow-credentials"), None, "no cookies");
        for client in [&client, &service.anonymous()] {
            let answer = client.send("GET", "/v1/partnerships", &[("origin", origin)], "");
            assert_eq!(
                answer.header("access-control-allow-origin"),
                Some(origin),
                "refusals can be read, too: {answer}"
            );
            let exposed = answer.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
            assert!(
                ["etag", "x-ratelimit-remaining", "retry-after"].iter().all(|name| exposed.contains(name)),
                "{exposed}"
            );
        }
    }
    for origin in [
        "https://portal.example.org.evil.example",
        "http://portal.example.org",
        "https://evil.example",
        "null",
        "https://portal.example.org:444",
    ] {
        assert_eq!(ask(origin).header("access-control-allow-origin"), None, "{origin}");
        let answer = client.send("GET", "/v1/partnerships", &[("origin", origin)], "");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[test]
fn without_a_list_no_other_origin_may_call() {
    let service = Service::start();
    let headers = [("origin", PORTAL), ("access-control-request-method", "GET")];
    for method in ["OPTIONS", "GET"] {
        let answer = service.anonymous().send(method, "/v1/partnerships", &headers, "");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{method}");
    }
}

#[test]
fn no_page_runs_what_stands_in_it() {
    let service = Service::start();
    let anyone = service.anonymous();
    for path in ["/docs/", "/problems/not_found"] {
        let page = anyone.get(path).expect(200);
        let policy = page.header("content-security-policy").unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        let scripts = policy.split(';').map(str::trim).find(|part| part.starts_with("script-src")).unwrap();
        assert_eq!(scripts, "script-src 'self'");
        // A page may have a policy of its own for what its links tell.
        assert!(page.header("referrer-policy").is_some(), "{path}");
        let text = String::from_utf8(page.body).unwrap();
        // Every script has a source, and no element has a handler.
        assert_eq!(text.matches("<script").count(), text.matches("<script src=\"").count(), "{path}");
        assert!(!text.contains(" onload=") && !text.contains(" onclick=") && !text.contains("javascript:"), "{path}");
    }
    for path in ["/v1/partnerships", "/status", "/openapi/v1.json", "/nowhere"] {
        let answer = anyone.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'", "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
    }
}
