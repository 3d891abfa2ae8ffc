//! Whether a copy is what it should be: one request where it is, one more where it is not.

use std::collections::BTreeMap;

use ricolloca::reconciliations::digest::{self, Bucket, Digest};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::sight::truth;
use crate::support::service::{Client, Service};

fn digests(client: &Client, kind: &str) -> BTreeMap<Uuid, Digest> {
    truth(client)
        .iter()
        .filter(|((of, _), _)| of == kind)
        .map(|((_, id), record)| (id.parse().unwrap(), digest::of_record(record).unwrap()))
        .collect()
}

fn buckets(records: &BTreeMap<Uuid, Digest>, kind: &str, depth: usize) -> Value {
    let mut found: BTreeMap<String, Bucket> = BTreeMap::new();
    for (id, digest) in records {
        found.entry(digest::bucket(*id, depth)).or_default().add(digest);
    }
    let found: Vec<Value> = found
        .into_iter()
        .map(|(name, bucket)| json!({"bucket": name, "count": bucket.count, "digest": digest::hex(&bucket.digest())}))
        .collect();
    json!({"type": kind, "depth": depth, "buckets": found})
}

#[test]
fn agreement_costs_one_request_and_a_difference_one_more() {
    let service = Service::demo();
    for (reader, kind) in
        [("demo-dote", "outcome"), ("demo-operator-1", "participant"), ("demo-region", "organisation")]
    {
        let client = service.demo_client(reader);
        let right = digests(&client, kind);
        for depth in 0..=3 {
            let answer = client.post("/v1/reconciliations", buckets(&right, kind, depth)).expect(200).json();
            assert_eq!((&answer["equal"], &answer["differing"]), (&json!(true), &json!([])), "{reader} {depth}");
            assert_eq!(answer["items"], right.len());
        }
        // One is missing, one is different, one is there that should not be.
        let ids: Vec<Uuid> = right.keys().copied().collect();
        let (missing, different, extra) = (ids[3], ids[ids.len() / 2], Uuid::from_u128(7));
        let mut wrong = right.clone();
        wrong.remove(&missing);
        wrong.insert(different, [0; 32]);
        wrong.insert(extra, [1; 32]);
        for depth in 0..=3 {
            let answer = client.post("/v1/reconciliations", buckets(&wrong, kind, depth)).expect(200).json();
            assert_eq!(answer["equal"], false);
            let differing: Vec<&str> = answer["differing"]
                .as_array()
                .unwrap()
                .iter()
                .map(|bucket| bucket["bucket"].as_str().unwrap())
                .collect();
            let mut expected: Vec<String> = [missing, different, extra].map(|id| digest::bucket(id, depth)).into();
            expected.sort();
            expected.dedup();
            assert_eq!(differing, expected, "{reader} {depth}");
            let records: Vec<Value> = wrong
                .iter()
                .filter(|(id, _)| differing.contains(&digest::bucket(**id, depth).as_str()))
                .map(|(id, digest)| json!({"id": id, "digest": digest::hex(digest)}))
                .collect();
            let body = json!({"type": kind, "depth": depth, "within": differing, "records": records});
            let answer = client.post("/v1/reconciliations", body).expect(200).json();
            let found = [&answer["missing"], &answer["different"], &answer["extra"]];
            assert_eq!(found, [&json!([missing]), &json!([different]), &json!([extra])], "{reader} {depth}");
        }
    }
}

#[test]
fn what_is_no_claim_is_refused() {
    let service = Service::demo();
    let client = service.demo_client("demo-dote");
    let digest = "0".repeat(64);
    let bucket = json!({"bucket": "a", "count": 1, "digest": digest});
    for (body, pointer) in [
        (json!({"type": "outcome", "depth": 1}), "/buckets"),
        (json!({"type": "outcome", "depth": 1, "buckets": [], "within": ["a"], "records": []}), "/buckets"),
        (json!({"type": "outcome", "depth": 1, "within": ["a"]}), "/buckets"),
        (json!({"type": "outcome", "depth": 2, "buckets": [bucket]}), "/buckets/0"),
        (json!({"type": "outcome", "depth": 1, "buckets": [bucket, bucket]}), "/buckets/1"),
        (json!({"type": "outcome", "depth": 4, "buckets": []}), "/depth"),
        (json!({"type": "secret", "depth": 1, "buckets": []}), "/type"),
        (
            json!({"type": "outcome", "depth": 1, "buckets": [{"bucket": "A", "count": 1, "digest": digest}]}),
            "/buckets/0/bucket",
        ),
        (
            json!({"type": "outcome", "depth": 1, "buckets": [{"bucket": "a", "count": 1, "digest": "zz"}]}),
            "/buckets/0/digest",
        ),
        (
            json!({"type": "outcome", "depth": 1, "within": ["a"], "records": [{"id": Uuid::from_u128(7), "digest": digest}]}),
            "/records/0",
        ),
    ] {
        let answer = client.post("/v1/reconciliations", body.clone()).expect(422).json();
        let pointers: Vec<&str> =
            answer["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert!(pointers.contains(&pointer), "{body}: {pointers:?}");
    }
    assert_eq!(client.post("/v1/reconciliations", json!([])).expect(422).code(), "invalid");
    let operator = service.demo_client("demo-operator-1");
    let empty = json!({"type": "outcome", "depth": 0, "buckets": []});
    let answer = operator.post("/v1/reconciliations", empty).expect(200).json();
    assert_eq!(answer["equal"], false, "who has nothing lacks everything that it sees");
}
