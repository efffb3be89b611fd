//! No space left under a serving API: writes are refused, reads go on, and it recovers by itself.

use std::{
    env,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use http::Method;
use serde_json::Value;

use super::{
    child::{Server, Site, until},
    http::{Caller, map},
};

/// What makes space again, given the server.
type MakeSpace = Box<dyn Fn(&Server) -> Command>;

async fn fill_and_recover(site: &Site, make_space: MakeSpace) {
    let server = site.start().await;
    let caller = server.admin().await;
    let maps = caller.namespace("full").await;
    let text = "x".repeat(100_000);
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for i in 0..2_000 {
        let answer = caller.post(&maps, &map(&format!("m{i}"), &text)).await;
        if answer.code == 201 {
            acknowledged.push(answer.json);
            continue;
        }
        let status = &answer.json;
        assert!((500..=507).contains(&answer.code), "{status}");
        assert_eq!(status["kind"], "Status", "{status}");
        assert!(status["message"].as_str().unwrap().contains("data folder cannot be written"), "{status}");
        refused += 1;
        // Reads go on, and show exactly what was acknowledged.
        check(&caller, &maps, &acknowledged).await;
        assert_eq!(caller.get("/livez").await.code, 200, "restarting does not make space");
        if refused >= 5 {
            break;
        }
    }
    assert!(refused >= 5 && acknowledged.len() > 3, "{refused} refused, {} written", acknowledged.len());

    assert!(make_space(&server).status().unwrap().success());
    let begun = Instant::now();
    let after = loop {
        let answer = caller.post(&maps, &map("after", &text)).await;
        if answer.code == 201 {
            break answer.json;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", answer.json);
    };
    acknowledged.push(after);
    check(&caller, &maps, &acknowledged).await;
    server.healthy("space came back").await;
    let (process, listen) = (server.pid(), site.listen);
    server.terminate();
    assert!(server.ended().await.success(), "{process} on {listen}: {}", site.log());
}

async fn check(caller: &Caller, maps: &str, acknowledged: &[Value]) {
    let listed = caller.get(maps).await.expect(200);
    let mut items = listed["items"].as_array().unwrap().clone();
    // Each namespace is given one.
    items.retain(|o| o["metadata"]["name"] != "kube-root-ca.crt");
    let sorted = |items: &[Value]| {
        let mut items = items.to_vec();
        for item in &mut items {
            // Items of a list carry no kind of their own in every version.
            let object = item.as_object_mut().unwrap();
            object.remove("kind");
            object.remove("apiVersion");
        }
        items.sort_by_key(|o| o["metadata"]["name"].to_string());
        items
    };
    assert!(sorted(&items) == sorted(acknowledged), "{} listed, {} acknowledged", items.len(), acknowledged.len());
    let newest = acknowledged.last().unwrap();
    let name = newest["metadata"]["name"].as_str().unwrap();
    let got = caller.send(Method::GET, &format!("{maps}/{name}"), &Value::Null).await.unwrap();
    assert_eq!(got.code, 200);
}

#[tokio::test]
async fn a_store_that_may_not_grow_refuses_writes_until_it_may() {
    let mut site = Site::new();
    // Without the signal, growing past the limit is an error like a full disk. 4 MiB in blocks of 512 bytes.
    site.prepare = "trap '' XFSZ; ulimit -S -f 8192".to_owned();
    let make_space: MakeSpace = Box::new(|server| {
        let mut command = Command::new("prlimit");
        command.args(["--pid", &server.pid().to_string(), "--fsize=unlimited:"]);
        command
    });
    fill_and_recover(&site, make_space).await;
    site.prepare.clear();
    reopened(&site).await;
}

/// A later process sees the same.
async fn reopened(site: &Site) {
    let server = site.start().await;
    let maps = "/api/v1/namespaces/full/configmaps";
    assert_eq!(server.admin().await.get(&format!("{maps}/after")).await.code, 200);
    server.healthy("the restart").await;
}

#[tokio::test]
async fn a_full_file_system_refuses_writes_until_there_is_space() {
    let mut site = Site::new();
    let folder = site.data();
    std::fs::create_dir(&folder).unwrap();
    let mount = format!("mount -t tmpfs -o size=4m none {}", folder.display());
    // Root has namespaces of its own; others where user namespaces are allowed.
    let probe = format!("unshare -mr sh -c '{mount}'");
    if !Command::new("sh").args(["-c", &probe]).stderr(Stdio::null()).status().unwrap().success() {
        assert!(env::var_os("CI").is_none(), "mounting a tmpfs needs root or user namespaces");
        return;
    }
    site.prepare = format!("exec unshare -mr sh -c '{mount} && exec \"$@\"' sh \"$@\"");
    let make_space: MakeSpace = Box::new(move |server| {
        let mut command = Command::new("nsenter");
        command.args(["--target", &server.pid().to_string(), "--mount", "--user", "--preserve-credentials"]);
        command.args(["mount", "-o", "remount,size=64m"]).arg(&folder);
        command
    });
    fill_and_recover(&site, make_space).await;
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_first_start_is_named() {
    let mut site = Site::new();
    site.prepare = "trap '' XFSZ; ulimit -S -f 64".to_owned();
    let said = site.refusal().await;
    assert!(said.contains(site.data().to_str().unwrap()), "{said}");
    site.prepare.clear();
    let server = site.start().await;
    server.healthy("a start without space").await;
    until("the store has grown", || site.data().join("store.redb").metadata().unwrap().len() > 64 * 512).await;
}
