//! Bodies, paths and queries that are wrong: each is refused with a `Status`, and nothing else happens.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    child::DEADLINE,
    http::map,
    network::{MAPS, MIB, started},
    raw::{Wire, read_reply, request},
};

#[tokio::test]
async fn bodies_over_three_mebibytes_are_refused_however_they_are_sent() {
    let (_site, server, wire) = started().await;
    let large = map("large", &"x".repeat(4 * MIB)).to_string();
    let announced = request("POST", MAPS, "application/json", large.as_bytes());
    let mut chunked = format!(
        "POST {MAPS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in large.as_bytes().chunks(60_000) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    for path in ["", "/api/v1/namespaces/default/secrets", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] {
        let at = |bytes: &[u8]| {
            let path = if path.is_empty() { MAPS } else { path };
            let text = String::from_utf8_lossy(bytes).replacen(MAPS, path, 1);
            text.into_bytes()
        };
        for (how, bytes) in [("announced", at(&announced)), ("chunked", at(&chunked))] {
            // Several times: an answer that is lost to a reset connection is lost by chance.
            for _ in 0..5 {
                let reply = wire.exchange(&bytes).await.unwrap_or_else(|| panic!("no answer to {how} {path}"));
                assert_eq!(reply.code, 413, "{reply:?}");
                assert_eq!(reply.status(how)["reason"], "RequestEntityTooLarge");
            }
        }
    }
    server.healthy("large bodies").await;

    // A length that lies: longer than what comes, then the end; and far too long with nothing.
    let body = map("lying", "").to_string();
    for length in [body.len() + 100, 2 * MIB] {
        let mut stream = wire.tls().await;
        let head = format!(
            "POST {MAPS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let reply = timeout(DEADLINE, read_reply(&mut stream, true)).await.expect("an end");
        assert!(reply.as_ref().is_none_or(|r| r.code == 400), "{reply:?}");
    }
    // Shorter than what comes: the rest is the next request, and none.
    let mut bytes =
        format!("POST {MAPS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n")
            .into_bytes();
    bytes.extend(body.as_bytes());
    let reply = wire.exchange(&bytes).await.expect("an answer");
    assert_eq!(reply.code, 400);
    reply.status("a short length");
    assert_eq!(server.admin().await.get(&format!("{MAPS}/lying")).await.code, 404);
    server.healthy("lying lengths").await;

    // Just below the limit is stored or refused for its size by the kind's own rule, and not by chance.
    let below = map("below", &"x".repeat(900_000));
    server.admin().await.post(MAPS, &below).await.expect(201);
}

#[tokio::test]
async fn bodies_that_no_parser_likes_are_refused() {
    let (_site, server, wire) = started().await;
    let deep = |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    let nested = |inner: String| {
        format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"deep"}},"data":{{"x":{inner}}}}}"#)
    };
    let mut bodies: Vec<Vec<u8>> = [
        deep("[", "]", 100_000),
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        nested(deep("[", "]", 100_000)),
        nested(deep("{\"a\":", "}", 100_000).replace(":}", ":1}")),
        "\"".to_owned(),
        "nul".to_owned(),
        "null".to_owned(),
        "1e999999".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "{\"a\":1}trailing".to_owned(),
        "{\"\\ud800\":\"\\udfff\"}".to_owned(),
        nested("9".repeat(100_000)),
        String::new(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    bodies.push(b"{\"kind\":\"\xff\xfe\xc0\x80\"}".to_vec());
    bodies.push(b"\xef\xbb\xbf{}".to_vec());
    bodies.push([b"k8s\0".as_slice(), &[0xFF; 1000]].concat());
    bodies.push(b"k8s\0".to_vec());
    // Documents that grow when they are read, and depth in other notations.
    let mut aliases = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..12 {
        let below = vec![format!("*a{}", i - 1); 10].join(",");
        let _ = writeln!(aliases, "a{i}: &a{i} [{below}]");
    }
    bodies.push(aliases.into_bytes());
    bodies.push("- ".repeat(50_000).into_bytes());
    bodies.push("? ".repeat(50_000).into_bytes());
    // Protobuf: groups in groups, lengths that lie.
    bodies.push([b"k8s\0".as_slice(), &vec![0x0B; 100_000]].concat());
    bodies.push([b"k8s\0".as_slice(), &[0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]].concat());

    let admin = server.admin().await;
    admin.post(MAPS, &map("target", "kept")).await.expect(201);
    let one = format!("{MAPS}/target");
    for body in &bodies {
        for (method, path) in
            [("POST", MAPS), ("PUT", &one), ("DELETE", "/api/v1/namespaces/default/configmaps/nobody")]
        {
            for kind in ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"] {
                refused(&wire, method, path, kind, body).await;
            }
        }
        let patches = ["json-patch+json", "merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml"];
        for kind in patches {
            // An empty merge patch changes nothing, which is no fault.
            let harmless = matches!(body.as_slice(), b"{}" | b"[]");
            if !harmless {
                refused(&wire, "PATCH", &format!("{one}?fieldManager=x"), &format!("application/{kind}"), body).await;
            }
        }
    }
    assert_eq!(admin.get(&one).await.expect(200)["data"], json!({"text": "kept"}));
    server.healthy("bodies that no parser likes").await;
}

async fn refused(wire: &Wire, method: &str, path: &str, kind: &str, body: &[u8]) {
    let what = format!("{method} {path} {kind} {:?}", String::from_utf8_lossy(&body[..body.len().min(80)]));
    let reply = wire.exchange(&request(method, path, kind, body)).await.unwrap_or_else(|| panic!("no answer: {what}"));
    assert!((400..500).contains(&reply.code), "{reply:?}: {what}");
    reply.status(&what);
}

#[tokio::test]
async fn paths_and_queries_that_mean_nothing_are_refused() {
    let (site, server, wire) = started().await;
    let long = "a".repeat(20_000);
    let names = [
        "..",
        ".",
        "%2e%2e",
        "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd",
        "../../../../etc/passwd",
        "..%2f..%2fstore.redb",
        "%00",
        "a%00b",
        "%",
        "%2",
        "%zz",
        "%ff%fe",
        "%c0%ae%c0%ae",
        "%F0%9F%92%A9",
        "a%0d%0aset-cookie:%20x",
        "A_B",
        "-a",
        "a;b",
        "a\\b",
        &long,
    ];
    for name in names {
        for prefix in [
            format!("{MAPS}/"),
            "/api/v1/namespaces/".to_owned(),
            "/apis/".to_owned(),
            "/".to_owned(),
            "/openapi/v3/".to_owned(),
        ] {
            let path = format!("{prefix}{name}");
            let reply = wire.exchange(&request("GET", &path, "application/json", b"")).await.expect("an answer");
            // `/api/v1/namespaces/.` and the like are other paths to servers that clean them, and unknown to those that do not.
            assert!(reply.code < 500, "{path}: {reply:?}");
            assert!(!reply.head.contains("set-cookie"), "{reply:?}");
            if reply.code >= 400 {
                reply.status(&path);
            }
        }
    }
    // Names of a write are names of objects, never of files.
    for name in ["../../../evil", "..", "a/b", "a\u{0}b", ".hidden/..", &"n".repeat(5_000)] {
        let body = map(name, "");
        let reply =
            wire.exchange(&request("POST", MAPS, "application/json", body.to_string().as_bytes())).await.unwrap();
        assert_eq!(reply.code, 422, "{name}: {reply:?}");
        reply.status(name);
    }
    assert!(!site.data().join("../evil").exists());
    let bad = [
        "resourceVersion=x",
        "resourceVersion=-1",
        "resourceVersion=99999999999999999999999",
        "limit=x",
        "limit=-5",
        "continue=%ff",
        "continue=bm90IGEgdG9rZW4",
        "labelSelector=a%20b%20c",
        "labelSelector=!!",
        "fieldSelector=nothing%3D1",
        "fieldSelector=a",
        "resourceVersionMatch=Exact",
        "watch=1&resourceVersion=x",
        "watch=1&sendInitialEvents=true",
        "watch=1&timeoutSeconds=x",
        "watch=1&resourceVersion=18446744073709551615",
    ];
    for query in bad {
        let reply = wire.exchange(&request("GET", &format!("{MAPS}?{query}"), "application/json", b"")).await.unwrap();
        if (400..500).contains(&reply.code) || reply.code == 504 {
            reply.status(query);
        } else {
            assert_eq!(reply.code, 200, "{query}: {reply:?}");
        }
    }
    server.healthy("paths and queries").await;
}

#[tokio::test]
async fn one_connection_carries_many_requests_after_a_refused_one() {
    let (_site, server, wire) = started().await;
    let mut stream = wire.tls().await;
    for i in 0..50 {
        let body = if i % 2 == 0 { b"{".to_vec() } else { map(&format!("ok-{i}"), "").to_string().into_bytes() };
        stream.write_all(&request("POST", MAPS, "application/json", &body)).await.unwrap();
        let reply = timeout(DEADLINE, read_whole(&mut stream)).await.unwrap();
        assert_eq!(reply.0, if i % 2 == 0 { 400 } else { 201 }, "{reply:?}");
    }
    server.healthy("refusals on one connection").await;
}

/// Code and body of an answer with a length.
async fn read_whole(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> (u16, Value) {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
            let length = head.split("\r\n").find_map(|l| l.strip_prefix("content-length: ")).expect("a length");
            if bytes.len() >= end + 4 + length.parse::<usize>().unwrap() {
                let code = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (code, serde_json::from_slice(&bytes[end + 4..]).unwrap());
            }
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the connection ended");
    }
}
