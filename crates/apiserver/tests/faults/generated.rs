//! Requests that are almost right, made at random from good ones: none may end in a fault of the server.
//!
//! The run is reproducible: `APISERVER_FAULTS_SEED` chooses it, `APISERVER_FAULTS_REQUESTS` makes it longer.

mod templates;

use std::{env, fmt::Write as _};

use serde_json::{Map, Value, json};

use self::templates::{Template, templates};
use super::{child::Site, model::next_random};

const REQUESTS: u64 = 2_500;

/// A source of choices.
pub(crate) struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(next_random(&mut self.0) >> 11).unwrap() % bound
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"];

const QUERIES: &[&str] = &[
    "watch=1",
    "watch=true&timeoutSeconds=1",
    "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1",
    "limit=1",
    "limit=-1",
    "limit=99999999999999999999",
    "continue=AAAA",
    "continue=%7B%22v%22%3A%22meta.k8s.io%2Fv1%22%7D",
    "resourceVersion=0",
    "resourceVersion=1",
    "resourceVersion=9999999",
    "resourceVersion=abc",
    "resourceVersionMatch=Exact",
    "labelSelector=a%3Db",
    "labelSelector=a%20in%20(b%2Cc)",
    "labelSelector=!a%2Cb!%3Dc",
    "labelSelector=((((",
    "labelSelector=%ff",
    "fieldSelector=metadata.name%3Dx",
    "fieldSelector=status.phase!%3Dx",
    "fieldSelector=%3D%3D%3D",
    "dryRun=All",
    "dryRun=Some",
    "fieldManager=me",
    "fieldManager=%00",
    "force=true",
    "force=2",
    "fieldValidation=Strict",
    "fieldValidation=Ignore",
    "fieldValidation=Never",
    "pretty=true",
    "pretty",
    "includeObject=Object",
    "includeObject=x",
    "gracePeriodSeconds=0",
    "gracePeriodSeconds=-9",
    "propagationPolicy=Foreground",
    "propagationPolicy=Orphan",
    "propagationPolicy=x",
    "orphanDependents=true",
    "timeoutSeconds=0",
    "timeout=1s",
    "timeout=-1",
    "&&&===",
    "a=%",
    "exact=true",
    "%00=%00",
];

const CONTENT_TYPES: &[&str] = &[
    "application/json",
    "application/yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "application/vnd.kubernetes.protobuf",
    "text/plain",
    "application/json;charset=latin1",
    "",
    ";;;",
    "application/json, application/yaml",
    "application/json;stream=watch",
];

const ACCEPTS: &[&str] = &[
    "application/json",
    "*/*",
    "application/yaml",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    "application/json;as=Nothing;v=v9;g=x",
    "application/vnd.kubernetes.protobuf",
    "text/html",
    "",
    ",,,;;;===",
    "application/json;q=nan",
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
];

const HEADERS: &[&str] = &[
    "impersonate-user: somebody",
    "impersonate-group: g",
    "impersonate-user: system:node:n\r\nimpersonate-group: system:nodes",
    "impersonate-extra-%ff: x",
    "impersonate-uid: u",
    "authorization: Bearer x.y.z",
    "authorization: Bearer abcdef.0123456789abcdef",
    "authorization: Basic eDp5",
    "if-none-match: \"x\"",
    "accept-encoding: gzip",
    "content-encoding: gzip",
    "expect: 100-continue",
    "user-agent: ",
    "user-agent: \u{e9}\u{e9}",
    "x-http-method-override: DELETE",
    "upgrade: websocket\r\nconnection: upgrade",
    "range: bytes=0-1",
    "te: trailers",
    "audit-id: x",
    "host: ",
    "transfer-encoding: identity",
];

const SEGMENTS: &[&str] = &[
    "",
    ".",
    "..",
    "%2e",
    "%2F",
    "%00",
    "%ff",
    "%",
    "x",
    "default",
    "status",
    "scale",
    "token",
    "approval",
    "finalize",
    "binding",
    "eviction",
    "log",
    "exec",
    "watch",
    "namespaces",
    "configmaps",
    "machines",
    "v1",
    "v9",
    "apis",
    "api",
    "kubernetes",
    "kube-system",
    "a:b",
    "A",
    "é",
];

fn values(dice: &mut Dice) -> Value {
    match dice.below(24) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(1.5e300),
        5 => json!(""),
        6 => json!([]),
        7 => json!({}),
        8 => json!([null]),
        9 => json!({"": ""}),
        10 => json!("x".repeat(70_000)),
        11 => json!("\u{0}\u{1f}\u{7f}\u{fffd}\u{10ffff}"),
        12 => json!("../../x"),
        13 => json!("2020-13-45T99:99:99Z"),
        14 => json!("=== not base64 ==="),
        15 => json!({"$patch": "delete"}),
        16 => json!({"$patch": "replace", "$retainKeys": ["x"], "$deleteFromPrimitiveList/x": [1]}),
        17 => json!([{"name": "x"}, {"name": "x"}]),
        18 => json!("99999999999999999999Ei"),
        19 => json!("(((((((((((((((((((((((((((((((("),
        20 => json!("self.x.all(a, self.x.all(b, self.x.all(c, a == b && b == c)))"),
        21 => (0..100).fold(json!(1), |inner, _| json!([inner])),
        22 => json!(i64::MIN),
        _ => json!("system:masters"),
    }
}

/// Changes something anywhere in the document.
fn disturb(value: &mut Value, dice: &mut Dice) {
    let deeper = match value {
        Value::Object(map) => map.len(),
        Value::Array(list) => list.len(),
        _ => 0,
    };
    if deeper > 0 && !dice.one_in(4) {
        let at = dice.below(deeper);
        let next = match value {
            Value::Object(map) => map.values_mut().nth(at),
            Value::Array(list) => list.get_mut(at),
            _ => None,
        };
        return disturb(next.unwrap(), dice);
    }
    match value {
        Value::Object(map) => match dice.below(4) {
            0 => {
                let key = map.keys().nth(dice.below(map.len().max(1))).cloned();
                key.and_then(|k| map.remove(&k));
            }
            1 => {
                let key = dice.pick(&[
                    "x",
                    "",
                    "metadata",
                    "spec",
                    "status",
                    "$setElementOrder/x",
                    "$patch",
                    "apiVersion",
                    "\u{0}",
                ]);
                map.insert(key.to_owned(), values(dice));
            }
            2 => *value = values(dice),
            _ => {
                let renamed: Map<String, Value> = map.iter().map(|(k, v)| (k.to_uppercase(), v.clone())).collect();
                *map = renamed;
            }
        },
        Value::Array(list) if dice.one_in(2) => {
            let copy = list.first().cloned().unwrap_or_else(|| values(dice));
            list.push(copy);
        }
        _ => *value = values(dice),
    }
}

fn mutate_path(path: &str, dice: &mut Dice) -> String {
    let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
    let at = 1 + dice.below(segments.len());
    let new = dice.pick(SEGMENTS).replace('é', "%c3%a9");
    match dice.below(4) {
        0 if at < segments.len() => {
            segments.remove(at);
        }
        1 if at < segments.len() => segments[at] = new,
        2 => segments.push(new),
        _ => segments.insert(at.min(segments.len()), new),
    }
    let path = segments.join("/");
    if path.starts_with('/') { path } else { format!("/{path}") }
}

/// The bytes of a request that resembles the template.
fn request(template: &Template, dice: &mut Dice) -> Vec<u8> {
    let method = if dice.one_in(8) { dice.pick(&METHODS) } else { template.method };
    let mut path = template.path.clone();
    for _ in 0..2 {
        if dice.one_in(6) {
            path = mutate_path(&path, dice);
        }
    }
    let mut query = Vec::new();
    if !template.query.is_empty() {
        query.push(template.query);
    }
    while dice.one_in(3) {
        query.push(dice.pick(QUERIES));
    }
    if !query.is_empty() {
        let _ = write!(path, "?{}", query.join("&"));
    }
    let mut body = template.body.clone();
    while dice.one_in(2) {
        disturb(&mut body, dice);
    }
    let mut body =
        if template.body.is_null() && dice.below(20) > 0 { Vec::new() } else { body.to_string().into_bytes() };
    if dice.one_in(12) && !body.is_empty() {
        let at = dice.below(body.len());
        match dice.below(4) {
            0 => body.truncate(at),
            1 => body[at] ^= 1 << dice.below(8),
            2 => {
                body.splice(at..at, b"\xff\x00{[\"".iter().copied());
            }
            _ => body.extend_from_within(at..),
        }
    }
    let content_type = if dice.one_in(10) { dice.pick(CONTENT_TYPES) } else { template.content_type };
    let accept = if dice.one_in(4) { dice.pick(ACCEPTS) } else { "application/json" };
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    let mut extra = String::new();
    while dice.one_in(6) {
        let header = dice.pick(HEADERS);
        if header.starts_with("host") && extra.contains("host") || header.starts_with("transfer") {
            continue;
        }
        let _ = write!(extra, "{header}\r\n");
    }
    if !extra.contains("host: ") {
        head += "host: server\r\n";
    }
    let _ = write!(
        head,
        "{extra}accept: {accept}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_made_at_random_never_find_a_fault() {
    let site = Site::new();
    let server = site.start().await;
    let wire = server.wire().await;
    let seed = number("APISERVER_FAULTS_SEED", 0x0DDB_1A5E_5BAD_5EED);
    let mut dice = Dice(seed.max(1));
    let templates = templates();
    // Each template as it is first: they are what the others are compared with.
    for template in &templates {
        let good = super::raw::request(
            template.method,
            &format!("{}?{}", template.path, template.query),
            template.content_type,
            &if template.body.is_null() { Vec::new() } else { template.body.to_string().into_bytes() },
        );
        let reply = wire.exchange(&good).await.expect("an answer");
        assert!(reply.code < 300, "{} {}: {}", template.method, template.path, String::from_utf8_lossy(&reply.body));
    }
    let (mut good, mut refused) = (0, 0);
    for i in 0..number("APISERVER_FAULTS_REQUESTS", REQUESTS) {
        let template = &templates[dice.below(templates.len())];
        let bytes = request(template, &mut dice);
        let shown = format!(
            "request {i} of seed {seed}: {}\nlog: {}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(3_000)]),
            site.log()
        );
        let reply = wire.exchange(&bytes).await.unwrap_or_else(|| panic!("no answer to {shown}"));
        // 504 is what a resourceVersion of the future gets.
        assert!(reply.code < 500 || reply.code == 504, "{reply:?} {}\n{shown}", String::from_utf8_lossy(&reply.body));
        if reply.code >= 400 {
            refused += 1;
            if !bytes.starts_with(b"HEAD ") {
                reply.status(&shown);
            }
        } else {
            good += 1;
        }
        if i % 250 == 0 {
            server.healthy(&shown).await;
        }
    }
    server.healthy("the last of them").await;
    // Neither all nonsense nor all harmless.
    assert!(good > refused / 20 && refused > good / 20, "{good} good, {refused} refused");
    server.terminate();
    assert!(server.ended().await.success());
    // The store of all this opens again.
    site.start().await.healthy("a restart").await;
}
