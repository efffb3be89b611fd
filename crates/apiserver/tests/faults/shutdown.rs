//! `SIGTERM` under load.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    child::{DEADLINE, Site},
    http::map,
    model::{Seen, Writer, check_events, revision},
    raw::{read_reply, request},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_finishes_what_runs_ends_watches_and_loses_nothing() {
    let site = Site::new();
    let server = site.start().await;
    let caller = server.admin().await;
    let maps = caller.namespace("load").await;
    let since = revision(&caller.get(&maps).await.expect(200));
    let path = format!("{maps}?watch=1&resourceVersion={since}");

    let watches: Vec<_> = (0..20)
        .map(|_| {
            let (caller, path) = (caller.clone(), path.clone());
            tokio::spawn(async move {
                let mut lines = caller.watch(&path).await.unwrap();
                let mut last = since;
                while let Some(event) = lines.next().await.expect("a watch ends, it does not break") {
                    last = Seen::read(&event).revision;
                }
                last
            })
        })
        .collect();
    let tasks: Vec<_> = (0..6)
        .map(|id| {
            let (caller, mut writer) = (caller.clone(), Writer::new(id, &maps));
            tokio::spawn(async move {
                loop {
                    match writer.step(&caller).await {
                        Ok(code) if code < 300 => {}
                        Ok(503 | 429) | Err(_) => return writer,
                        Ok(code) => panic!("refused with {code}: {:?}", writer.attempts.last()),
                    }
                }
            })
        })
        .collect();
    // A request that is half sent when the signal comes.
    let wire = server.wire().await;
    let mut half = wire.tls().await;
    let bytes = request("POST", &maps, "application/json", map("half", "sent").to_string().as_bytes());
    let (first, second) = bytes.split_at(bytes.len() - 20);
    half.write_all(first).await.unwrap();
    half.flush().await.unwrap();
    // And connections with nothing on them, with and without a handshake.
    let mut idle = wire.tls().await;
    let mut silent = wire.tcp().await;
    let begun = Instant::now();
    while caller.get(&maps).await.expect(200)["items"].as_array().unwrap().len() < 20 {
        assert!(begun.elapsed() < DEADLINE, "the writers do not write");
    }

    server.terminate();
    let begun = Instant::now();
    let mut writers = Vec::new();
    for task in tasks {
        writers.push(task.await.unwrap());
    }
    half.write_all(second).await.unwrap();
    let reply = timeout(DEADLINE, read_reply(&mut half, true)).await.unwrap().expect("an answer to what was accepted");
    assert_eq!(reply.code, 201, "{reply:?}");
    let mut last = Vec::new();
    for watch in watches {
        last.push(timeout(DEADLINE, watch).await.expect("watches end").unwrap());
    }
    for gone in [timeout(DEADLINE, idle.read(&mut [0])).await, timeout(DEADLINE, silent.read(&mut [0])).await] {
        assert!(!matches!(gone.expect("idle connections are closed"), Ok(1..)));
    }
    assert_eq!(server.ended().await.code(), Some(0), "{}", site.log());
    assert!(begun.elapsed() < Duration::from_secs(5), "stopping took {:?}", begun.elapsed());

    let begun = Instant::now();
    let server = site.start().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "starting again took {:?}", begun.elapsed());
    for writer in &mut writers {
        writer.settle(&caller).await;
    }
    assert_eq!(caller.get(&format!("{maps}/half")).await.expect(200)["data"], json!({"text": "sent"}));
    caller.post(&maps, &map("last", "")).await.expect(201);
    let mut lines = caller.watch(&path).await.unwrap();
    let mut events = Vec::new();
    loop {
        let event = Seen::read(&timeout(DEADLINE, lines.next()).await.unwrap().unwrap().unwrap());
        if event.name == "last" {
            break;
        }
        if event.by_a_writer() {
            events.push(event);
        }
    }
    check_events(&events, &writers);
    let newest = events.last().unwrap().revision;
    assert!(last.into_iter().all(|l| l <= newest), "watches showed what was never written");
    server.healthy("the restart").await;
}

#[tokio::test]
async fn sigterm_does_not_wait_for_clients_that_never_finish() {
    let site = Site::new();
    let server = site.start().await;
    let wire = server.wire().await;
    let mut slow = Vec::new();
    for beginning in [
        "GET /version HTTP/1.1\r\nhost: serv",
        "POST /api/v1/namespaces HTTP/1.1\r\ncontent-length: 100\r\nhost: a\r\n\r\n{",
    ] {
        let mut stream = wire.tls().await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        slow.push(stream);
    }
    server.healthy("the slow").await;
    server.terminate();
    let begun = Instant::now();
    assert_eq!(server.ended().await.code(), Some(0), "{}", site.log());
    // Kubernetes gives a pod thirty seconds.
    assert!(begun.elapsed() < Duration::from_secs(20), "stopping took {:?}", begun.elapsed());
    drop(slow);
}
