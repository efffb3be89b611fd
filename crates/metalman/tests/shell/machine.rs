//! `metalman machine …` against a real API server; this test plays the controller and writes the status.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use metalman_core::api::Machine;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::{
    process::{DEADLINE, eventually, metalman, run, stderr, stdout},
    replicas::Cluster,
    standalone::machine,
};

/// A cluster with Machines n1 (of site rack-7) and n2.
struct Rack {
    _dir: tempfile::TempDir,
    _cluster: Cluster,
    api: Api<Machine>,
    kubeconfig: String,
}

impl Rack {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let cluster = Cluster::start(dir.path()).await;
        let api: Api<Machine> = Api::all(cluster.client.clone());
        let kubeconfig = cluster.kubeconfig.to_str().expect("text").to_owned();
        let mut first = machine("n1", "aa:bb:cc:dd:ee:01", "192.0.2.10");
        first.metadata.labels = Some([("unbounded-cloud.io/site".to_owned(), "rack-7".to_owned())].into());
        for machine in [first, machine("n2", "aa:bb:cc:dd:ee:02", "192.0.2.11")] {
            api.create(&PostParams::default(), &machine).await.expect("made");
        }
        Self { _dir: dir, _cluster: cluster, api, kubeconfig }
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = metalman();
        command.arg("machine").args(args).args(["--kubeconfig", &self.kubeconfig]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    fn run(&self, args: &[&str]) -> Output {
        run(&[&["machine"], args, &["--kubeconfig", &self.kubeconfig]].concat())
    }

    fn begin(&self, args: &[&str]) -> Running {
        Running::start(self.command(args))
    }

    async fn status(&self, name: &str, status: Value) {
        let patch = json!({ "status": status });
        self.api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await.expect("patched");
    }

    /// (reboot, repave) as asked for.
    async fn asked(&self, name: &str) -> (i64, i64) {
        let wanted = self.api.get(name).await.expect("read").wanted_counters();
        (wanted.reboot, wanted.repave)
    }
}

/// A command under way.
struct Running {
    child: Child,
    stdout: Option<ChildStdout>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Running {
    fn start(mut command: std::process::Command) -> Self {
        let mut child = command.spawn().expect("starts");
        let (errors, told) = (child.stderr.take().expect("piped"), Arc::new(Mutex::new(Vec::new())));
        let sink = told.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                sink.lock().expect("not poisoned").push(line);
            }
        });
        Self { stdout: child.stdout.take(), child, told }
    }

    fn told(&self) -> String {
        self.told.lock().expect("not poisoned").join("\n")
    }

    /// Until standard error has those words.
    async fn tells(&self, words: &str) {
        let what = format!("{words:?} on standard error");
        let told = eventually(&what, async || {
            // Ends early, with what was told instead.
            let told = self.told();
            (told.contains(words) || told.contains("error: ")).then_some(told)
        })
        .await;
        assert!(told.contains(words), "{words:?} not in {told}");
    }

    /// Its end: exit code, standard output, standard error.
    fn end(mut self) -> (Option<i32>, String, String) {
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < deadline, "does not end: {}", self.told());
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut out = String::new();
        self.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        (status.code(), out, self.told())
    }

    fn interrupt(&self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")), Signal::SIGINT).expect("a child");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_asked_for_by_raising_counters() {
    let rack = Rack::start().await;
    let done = rack.run(&["reboot", "n1"]);
    assert_eq!(stdout(&done), "machine.unbounded-cloud.io/n1 reboot 1 asked for\n", "{}", stderr(&done));
    assert_eq!((done.status.code(), rack.asked("n1").await), (Some(0), (1, 0)));

    // Above what was done too: a manifest from git may have lowered the spec.
    rack.status("n1", json!({ "operations": { "rebootCounter": 7, "repaveCounter": 2 } })).await;
    let done = rack.run(&["repave", "n1", "--yes"]);
    assert_eq!(stdout(&done), "machine.unbounded-cloud.io/n1 repave 3 asked for\n", "{}", stderr(&done));
    assert_eq!(rack.asked("n1").await, (8, 3));

    // A disk is not wiped because nobody was there to be asked, nor by what is only tried.
    let refused = rack.run(&["repave", "n1"]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("give --yes"), "{}", stderr(&refused));
    let tried = rack.run(&["repave", "n1", "--dry-run", "-o", "json"]);
    let shown: Value = serde_json::from_str(&stdout(&tried)).expect("JSON");
    assert_eq!((tried.status.code(), &shown["spec"]["operations"]["repaveCounter"]), (Some(0), &json!(4)));
    assert!(stdout(&rack.run(&["reboot", "n1", "--dry-run"])).ends_with("asked for (server dry run)\n"));
    assert_eq!(rack.asked("n1").await, (8, 3));

    // One that is missing or of another site stops all, before anything was done.
    let missing = rack.run(&["reboot", "n2", "n9"]);
    assert_eq!(missing.status.code(), Some(1), "{}", stderr(&missing));
    assert!(stderr(&missing).contains("\"n9\" not found"), "{}", stderr(&missing));
    let elsewhere = rack.run(&["reboot", "n2", "--site", "rack-7"]);
    assert_eq!(elsewhere.status.code(), Some(2), "{}", stderr(&elsewhere));
    assert!(stderr(&elsewhere).contains("machine n2 is of no site"), "{}", stderr(&elsewhere));
    assert_eq!(rack.run(&["reboot", "-l", "rack=none"]).status.code(), Some(1));
    assert_eq!(rack.asked("n2").await, (0, 0));

    let chosen = rack.run(&["reboot", "-l", "unbounded-cloud.io/site=rack-7", "-o", "name"]);
    assert_eq!(stdout(&chosen), "machine.unbounded-cloud.io/n1\n", "{}", stderr(&chosen));
    assert_eq!((rack.asked("n1").await, rack.asked("n2").await), ((9, 3), (0, 0)));

    // What metalman would never carry out is not asked for; the others are, and the code tells.
    let alone = json!({ "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": "n3" }, "spec": {} });
    rack.api.create(&PostParams::default(), &serde_json::from_value(alone).expect("a machine")).await.expect("made");
    let partly = rack.run(&["reboot", "n3", "n2"]);
    assert_eq!((partly.status.code(), rack.asked("n2").await), (Some(1), (1, 0)));
    assert!(stderr(&partly).contains("machine n3 has no spec.pxe"), "{}", stderr(&partly));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_at_once_lose_nothing() {
    const OPERATORS: i64 = 6;
    let rack = Rack::start().await;
    let mut running: Vec<Running> = (0..OPERATORS).map(|_| rack.begin(&["reboot", "n1"])).collect();
    // The controller writes meanwhile, as it does while a machine boots.
    for percent in 0..30 {
        rack.status("n1", json!({ "message": format!("{percent} %") })).await;
    }
    let mut counters: Vec<String> = running
        .drain(..)
        .map(|running| {
            let (code, out, told) = running.end();
            assert_eq!(code, Some(0), "{told}");
            out
        })
        .collect();
    counters.sort();
    let expected: Vec<String> =
        (1..=OPERATORS).map(|n| format!("machine.unbounded-cloud.io/n1 reboot {n} asked for\n")).collect();
    assert_eq!((counters, rack.asked("n1").await), (expected, (OPERATORS, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_tells_each_step_and_ends_with_the_operation() {
    let rack = Rack::start().await;
    let repave = rack.begin(&["repave", "n1", "--yes", "--wait=ready"]);
    eventually("asked for", async || (rack.asked("n1").await == (1, 1)).then_some(())).await;
    let asked = json!({ "name": "Asked", "time": "2026-03-01T12:00:00Z", "message": "repave, attempt 1 of 3" });
    let attempted = json!({ "attemptedRebootCounter": 1, "attemptedRepaveCounter": 1, "attempts": 1 });
    rack.status("n1", json!({ "phase": "Provisioning", "boot": { "steps": [asked] }, "operations": attempted })).await;
    repave.tells("2026-03-01T12:00:00Z n1 Asked: repave, attempt 1 of 3").await;
    repave.tells("n1 phase Provisioning").await;
    let writing = json!({ "name": "ImageWriting", "time": "2026-03-01T12:03:00Z", "message": "40 %" });
    rack.status("n1", json!({ "boot": { "steps": [asked, writing] }, "message": "writes" })).await;
    repave.tells("2026-03-01T12:03:00Z n1 ImageWriting: 40 %").await;
    // Done, and not Ready yet.
    rack.status("n1", json!({ "phase": "Joining", "operations": { "rebootCounter": 1, "repaveCounter": 1 } })).await;
    repave.tells("n1 phase Joining, was Provisioning").await;
    rack.status("n1", json!({ "phase": "Ready" })).await;
    let (code, out, told) = repave.end();
    assert_eq!((code, out.as_str()), (Some(0), "machine.unbounded-cloud.io/n1 repaved and ready\n"), "{told}");
    assert_eq!(told.matches("n1 Asked").count(), 1, "each once: {told}");

    // Two at once; one is done, the other given up.
    let reboot = rack.begin(&["reboot", "n1", "n2", "--wait"]);
    eventually("asked for", async || (rack.asked("n2").await == (1, 0)).then_some(())).await;
    rack.status("n1", json!({ "operations": { "rebootCounter": 2 } })).await;
    let failure = json!({ "attemptedRebootCounter": 1, "failure": "reboot given up after attempt 3 of 3: no power" });
    rack.status("n2", json!({ "phase": "Failed", "operations": failure })).await;
    let (code, out, told) = reboot.end();
    assert_eq!((code, out.as_str()), (Some(1), "machine.unbounded-cloud.io/n1 rebooted\n"), "{told}");
    assert!(told.contains("machine n2: reboot given up after attempt 3 of 3: no power"), "{told}");

    // The failure that still stands there does not end the next operation; its Machine's end does.
    let again = rack.begin(&["reboot", "n2", "--wait", "-o", "json"]);
    eventually("asked for", async || (rack.asked("n2").await == (2, 0)).then_some(())).await;
    rack.status("n2", json!({ "message": "still the old failure" })).await;
    again.tells("still the old failure").await;
    rack.api.delete("n2", &DeleteParams::default()).await.expect("deleted");
    let (code, _, told) = again.end();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("machine n2: it was deleted"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_waiting_is_told_that_it_goes_on() {
    let rack = Rack::start().await;
    rack.status("n1", json!({ "phase": "Rebooting", "message": "waits for its BMC" })).await;
    let late = rack.run(&["reboot", "n1", "--wait", "--timeout", "500ms"]);
    assert_eq!((late.status.code(), stdout(&late).as_str()), (Some(3), ""), "{}", stderr(&late));
    for words in ["not done within 500ms", "(waits for its BMC)", "it goes on", "kubectl metalman machine watch n1"] {
        assert!(stderr(&late).contains(words), "{words:?}: {}", stderr(&late));
    }
    assert_eq!(rack.asked("n1").await, (1, 0), "asked for all the same");
    let refused = rack.run(&["reboot", "n1", "--wait", "--timeout", "soon"]);
    assert_eq!((refused.status.code(), rack.asked("n1").await), (Some(2), (1, 0)), "{}", stderr(&refused));

    let interrupted = rack.begin(&["reboot", "n1", "--wait"]);
    eventually("asked for", async || (rack.asked("n1").await == (2, 0)).then_some(())).await;
    for message in ["first", "second"] {
        rack.status("n1", json!({ "message": message })).await;
        interrupted.tells(&format!("n1 message: {message}")).await;
    }
    interrupted.interrupt();
    let (code, _, told) = interrupted.end();
    assert_eq!(code, Some(130), "{told}");
    assert!(told.contains("interrupted: machine n1: reboot") && told.contains("it goes on"), "{told}");

    // A manifest that sets the counter back takes the wish back.
    let withdrawn = rack.begin(&["reboot", "n1", "--wait"]);
    eventually("asked for", async || (rack.asked("n1").await == (3, 0)).then_some(())).await;
    let lowered = json!({ "spec": { "operations": { "rebootCounter": 0 } } });
    rack.api.patch("n1", &PatchParams::default(), &Patch::Merge(&lowered)).await.expect("patched");
    let (code, _, told) = withdrawn.end();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("it was withdrawn: spec.operations.rebootCounter was set back to 0"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_is_one_line_for_each_change() {
    let rack = Rack::start().await;
    let mut watch = rack.begin(&["watch", "n1", "n2", "-o", "json"]);
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    let mut next = move || -> Value {
        let line = lines.next().expect("a line").expect("text");
        let mut line: Value = serde_json::from_str(&line).expect("JSON");
        line.as_object_mut().expect("an object").remove("time").expect("a time");
        line
    };
    assert_eq!(next(), json!({ "machine": "n1", "change": "seen" }));
    assert_eq!(next(), json!({ "machine": "n2", "change": "seen" }));
    let dhcp = json!({ "name": "DHCP", "time": "2026-03-01T12:00:00Z" });
    rack.status("n2", json!({ "phase": "Provisioning", "boot": { "steps": [dhcp] } })).await;
    assert_eq!(next(), json!({ "machine": "n2", "change": "step", "to": "DHCP" }));
    assert_eq!(next(), json!({ "machine": "n2", "change": "phase", "to": "Provisioning" }));
    // Conditions alone are no line; nor are others.
    rack.api.create(&PostParams::default(), &machine("n4", "aa:bb:cc:dd:ee:04", "192.0.2.14")).await.expect("made");
    rack.status(
        "n1",
        json!({ "conditions": [{ "type": "LeasesValid", "status": "True", "reason": "Valid", "message": "" }] }),
    )
    .await;
    rack.api.delete("n1", &DeleteParams::default()).await.expect("deleted");
    assert_eq!(next(), json!({ "machine": "n1", "change": "deleted" }));

    // Whoever watches and reads no more is not waited for.
    let mut closed = rack.begin(&["watch", "n2"]);
    drop(closed.stdout.take());
    rack.status("n2", json!({ "phase": "Joining" })).await;
    let deadline = Instant::now() + DEADLINE;
    while closed.child.try_wait().expect("a child").is_none() {
        assert!(Instant::now() < deadline, "goes on although nobody reads");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_of_what_was_asked_for() {
    let rack = Rack::start().await;
    rack.status("n1", json!({ "phase": "Failed", "power": "On" })).await;
    let text = |args: &[&str]| {
        let output = rack.run(args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    assert_eq!(text(&["list", "--phase", "failed", "-o", "name"]), "machine.unbounded-cloud.io/n1\n");
    assert_eq!(text(&["list", "--phase", "Ready", "-o", "name"]), "");
    assert_eq!(text(&["list", "--site", "rack-7,rack-8", "-o", "name"]), "machine.unbounded-cloud.io/n1\n");
    let power = text(&["power", "n2", "n1"]);
    let rows: Vec<&str> = power.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(rows, ["NAME", "n2", "n1"], "{power}");
    let status = text(&["status", "n1"]);
    assert!(status.contains("What to do next:\n") && status.contains("machine reboot n1\n"), "{status}");
    let object: Value = serde_json::from_str(&text(&["status", "n1", "-o", "json"])).expect("JSON");
    assert_eq!(object["status"]["phase"], "Failed");
}
