//! `kill -9` in the middle of writes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    child::{DEADLINE, Server, Site, until},
    http::{Caller, map},
    model::{self, SIDES, Seen, Writer, next_random},
};

const WRITERS: usize = 6;
const ROUNDS: usize = 5;
/// The object that ends every watch.
const LAST: &str = "zz-last";

/// Follows a watch over all restarts, from the last revision seen, until [`LAST`].
async fn follow(caller: Caller, maps: String, selector: String, since: u64) -> Vec<Seen> {
    let begun = Instant::now();
    let mut seen = Vec::new();
    let mut last = since;
    loop {
        assert!(begun.elapsed() < 4 * DEADLINE, "the watch does not come to its end");
        let path = format!("{maps}?watch=1&allowWatchBookmarks=true&resourceVersion={last}{selector}");
        let Ok(mut lines) = caller.watch(&path).await else {
            // Nobody listens between a kill and the restart.
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        while let Ok(Some(event)) = lines.next().await {
            let event = Seen::read(&event);
            assert_ne!(event.kind, "ERROR", "{event:?}");
            last = event.revision;
            if event.name == LAST {
                return seen;
            }
            if event.by_a_writer() {
                seen.push(event);
            }
        }
    }
}

/// Lets all writers write until the server is killed, after so many acknowledged writes.
async fn storm(server: Server, caller: &Caller, writers: Vec<Writer>, kill_after: usize) -> Vec<Writer> {
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = writers
        .into_iter()
        .map(|mut writer| {
            let (caller, acknowledged) = (caller.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                while let Ok(code) = writer.step(&caller).await {
                    assert!(code < 300, "{:?}", writer.attempts.last());
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                writer
            })
        })
        .collect();
    until("enough writes are acknowledged", || {
        acknowledged.load(Ordering::Relaxed) >= kill_after || tasks.iter().any(tokio::task::JoinHandle::is_finished)
    })
    .await;
    server.kill().await;
    let mut writers = Vec::new();
    for task in tasks {
        writers.push(task.await.unwrap());
    }
    writers
}

async fn list_revision(caller: &Caller, maps: &str) -> u64 {
    model::revision(&caller.get(maps).await.expect(200))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_in_a_write_storm_loses_nothing_acknowledged_and_no_event() {
    let site = Site::new();
    let mut server = site.start().await;
    // This caller's certificate is of the first start, and must do for all that follow.
    let caller = server.admin().await;
    let maps = caller.namespace("storm").await;
    let seeds = caller.namespace("seeds").await;
    for i in 0..9 {
        caller.post(&seeds, &map(&format!("seed-{i}"), "before")).await.expect(201);
    }
    let all = caller.get(&seeds).await.expect(200);
    let page = caller.get(&format!("{seeds}?limit=4")).await.expect(200);
    let token = token(&caller).await;

    let since = list_revision(&caller, &maps).await;
    let mut selectors = vec![String::new()];
    selectors.extend(SIDES.map(|side| format!("&labelSelector=side%3D{side}")));
    let watches: Vec<_> = selectors
        .into_iter()
        .map(|selector| tokio::spawn(follow(caller.clone(), maps.clone(), selector, since)))
        .collect();

    let mut writers: Vec<Writer> = (0..WRITERS).map(|id| Writer::new(id, &maps)).collect();
    let mut random = 0x5DEE_CE66;
    let mut newest = since;
    for round in 0..ROUNDS {
        let kill_after = 20 + usize::try_from(next_random(&mut random) % 150).unwrap();
        writers = storm(server, &caller, writers, kill_after).await;
        server = site.start().await;
        let revision = list_revision(&caller, &maps).await;
        newest = newest.max(writers.iter().map(Writer::newest).max().unwrap());
        assert!(revision >= newest, "round {round}: revision {revision} after {newest}");
        newest = revision;
        for writer in &mut writers {
            writer.settle(&caller).await;
        }
        // The snapshot that the continue token stands for must not follow these.
        let patch = json!({"data": {"text": format!("round {round}")}});
        caller.merge_patch(&format!("{seeds}/seed-{}", round + 3), &patch).await.expect(200);
    }

    for side in SIDES {
        // One object that enters every watch: in turn under each label.
        let mut last = map(LAST, "");
        last["metadata"]["labels"] = json!({"side": side});
        let name = format!("{maps}/{LAST}");
        caller.post(&maps, &last).await.expect(201);
        caller.delete(&name).await.expect(200);
    }
    let mut seen = Vec::new();
    for watch in watches {
        seen.push(watch.await.unwrap());
    }
    let events = seen.remove(0);
    assert!(events.len() > 20 * ROUNDS, "only {} events", events.len());
    model::check_events(&events, &writers);
    for (side, shown) in SIDES.into_iter().zip(seen) {
        let shown: Vec<_> = shown.into_iter().map(|e| (e.kind, e.name, e.revision)).collect();
        assert_eq!(shown, model::selected(&events, side), "the watch of side={side}");
    }

    // What was issued before the first kill is good after the last.
    let path = format!("{seeds}?limit=500&continue={}", page["metadata"]["continue"].as_str().unwrap());
    let rest = caller.get(&path).await.expect(200);
    let joined: Vec<&Value> = [&page, &rest].into_iter().flat_map(|l| l["items"].as_array().unwrap()).collect();
    assert_eq!(joined, all["items"].as_array().unwrap().iter().collect::<Vec<_>>());
    assert_eq!(rest["metadata"]["resourceVersion"], page["metadata"]["resourceVersion"]);
    assert_eq!(review(&caller, &token).await["user"]["username"], "system:serviceaccount:default:kept");
    server.healthy("the storm").await;
}

async fn token(caller: &Caller) -> String {
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "kept"}});
    caller.post(accounts, &account).await.expect(201);
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let answer = caller.post(&format!("{accounts}/kept/token"), &request).await.expect(201);
    answer["status"]["token"].as_str().unwrap().to_owned()
}

async fn review(caller: &Caller, token: &str) -> Value {
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token},
    });
    let mut answer = caller.post("/apis/authentication.k8s.io/v1/tokenreviews", &review).await.expect(201);
    assert_eq!(answer["status"]["authenticated"], true, "{answer}");
    answer["status"].take()
}

#[tokio::test]
async fn kill_9_at_any_moment_of_the_first_start_leaves_a_folder_that_starts() {
    for delay in [0, 3, 6, 10, 15, 20, 30, 45, 70, 100, 150, 250] {
        let site = Site::new();
        site.killed_while_starting(Duration::from_millis(delay)).await;
        let server = site.start().await;
        server.healthy("a kill while starting").await;
        server.kill().await;
    }
}
