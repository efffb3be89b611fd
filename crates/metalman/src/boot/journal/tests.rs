use axum::http::Method;
use metalman_core::{
    api::conditions::{CLOUD_INIT_DONE, REPAVED, is_true},
    lifecycle::{report::Event, timeline::Step},
};
use metalman_wire::boot_event::{BootEvent, BootStep};
use serde_json::json;

use super::*;
use crate::boot::fixture::{Fixture, machine};

const PEER: &str = "10.0.0.11";

fn progress(step: Step) -> Entry {
    Entry::Progress { step, message: None }
}

fn writing(percent: u8) -> Entry {
    Entry::Event(BootEvent { step: BootStep::ImageWriting, percent: Some(percent), message: None })
}

fn cloud_init(name: &str, event_type: &str, result: Option<&str>) -> Entry {
    let (name, event_type, result) = (name.to_owned(), event_type.to_owned(), result.map(str::to_owned));
    Entry::CloudInit(Event { name, event_type, result, ..Event::default() })
}

fn repaving() -> serde_json::Value {
    let mut asked = machine(PEER);
    asked["spec"]["operations"] = json!({ "repaveCounter": 1 });
    asked
}

fn writes(fixture: &Fixture) -> usize {
    fixture.sent(&Method::PATCH, "/status").len()
}

#[tokio::test(start_paused = true)]
async fn a_boot_is_a_few_writes_in_the_order_in_which_it_was_seen() {
    let fixture = Fixture::new(&machine(PEER));
    let (journal, n1) = (&fixture.boot.journal, fixture.stored());
    journal.note(&n1, progress(Step::Dhcp));
    fixture.eventually("the first step", |f| (f.steps() == ["DHCP"]).then_some(())).await;
    journal.note(&n1, progress(Step::Bootloader));
    journal.note(&n1, progress(Step::Kernel));
    let started = BootEvent { step: BootStep::InstallerStarted, percent: None, message: None };
    journal.note(&n1, Entry::Event(started));
    let all = ["DHCP", "Bootloader", "Kernel", "InstallerStarted"];
    fixture.eventually("all steps", |f| (f.steps() == all).then_some(())).await;
    assert_eq!(writes(&fixture), 2);
    // Nothing is left behind when there is nothing to write.
    fixture.eventually("an end", |f| f.boot.journal.lock().is_empty().then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn percentages_are_coalesced_and_the_last_is_written() {
    let fixture = Fixture::new(&machine(PEER));
    let n1 = fixture.stored();
    for percent in 0..=100 {
        fixture.boot.journal.note(&n1, writing(percent));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fixture.eventually("the last", |f| (f.steps() == ["ImageWriting: 100 %"]).then_some(())).await;
    assert!((2..=4).contains(&writes(&fixture)), "{} writes for 5 s", writes(&fixture));
}

#[tokio::test(start_paused = true)]
async fn a_report_is_written_at_once_and_takes_along_what_waits() {
    let fixture = Fixture::new(&repaving());
    let (journal, n1) = (&fixture.boot.journal, fixture.stored());
    journal.note(&n1, writing(1));
    fixture.eventually("the first", |f| (!f.steps().is_empty()).then_some(())).await;
    journal.note(&n1, writing(100));
    let before = tokio::time::Instant::now();
    assert_eq!(journal.write(&n1, Entry::Installed).await, Ok(()));
    assert!(before.elapsed() < PACE / 2, "{:?}", before.elapsed());
    let status = fixture.stored().status.expect("a status");
    assert_eq!((status.counters().repave, is_true(&status.conditions, REPAVED)), (1, true));
    assert_eq!(fixture.steps(), ["ImageWriting: 100 %", "Installed"]);
    // Again: nothing is pending, and nothing is written.
    let writes_before = writes(&fixture);
    assert_eq!(journal.write(&n1, Entry::Installed).await, Ok(()));
    assert_eq!(writes(&fixture), writes_before);
}

#[tokio::test(start_paused = true)]
async fn an_outage_delays_what_was_seen_and_refuses_what_must_be_written_now() {
    let fixture = Fixture::new(&repaving());
    let (journal, n1) = (&fixture.boot.journal, fixture.stored());
    fixture.is_away(true);
    journal.note(&n1, progress(Step::Dhcp));
    journal.note(&n1, progress(Step::Kernel));
    assert_eq!(journal.write(&n1, Entry::Installed).await, Err(Unwritten::Away));
    assert_eq!(journal.write(&n1, cloud_init("modules-final", "start", None)).await, Err(Unwritten::Away));
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!(fixture.steps().is_empty());
    fixture.is_away(false);
    // Pauses between tries have grown to half a minute.
    tokio::time::sleep(Duration::from_secs(30)).await;
    let all = ["DHCP", "Kernel", "CloudInit: modules-final: running"];
    fixture.eventually("what was seen", |f| (f.steps() == all).then_some(())).await;
    // The installer was told, and reports again; written behind its back, it might be taken for the next repave's.
    assert_eq!(fixture.stored().status.expect("a status").counters().repave, 0);
    assert_eq!(journal.write(&n1, Entry::Installed).await, Ok(()));
    assert_eq!(fixture.stored().status.expect("a status").counters().repave, 1);
}

#[tokio::test(start_paused = true)]
async fn reports_at_once_are_one_write() {
    let fixture = Fixture::new(&machine(PEER));
    let (journal, n1) = (&fixture.boot.journal, fixture.stored());
    let reports = (0..20).map(|n| journal.write(&n1, cloud_init(&format!("modules-final/{n}"), "start", None)));
    let outcomes = futures::future::join_all(reports).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(writes(&fixture) <= 2, "{} writes", writes(&fixture));
    let last = cloud_init("modules-final", "finish", Some("SUCCESS"));
    assert_eq!(journal.write(&n1, last).await, Ok(()));
    assert!(is_true(&fixture.stored().status.expect("a status").conditions, CLOUD_INIT_DONE));
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded_and_a_machine_made_again_is_another() {
    let fixture = Fixture::new(&machine(PEER));
    let (journal, mut n1) = (&fixture.boot.journal, fixture.stored());
    // Nothing is awaited here, so that no clerk can take anything.
    (0..2 * WAITING).for_each(|n| journal.note(&n1, Entry::Problem(n.to_string())));
    assert_eq!(journal.write(&n1, Entry::Installed).await, Err(Unwritten::Busy));
    let dropped = format!("metalman_boot_journal_dropped_total{{reason=\"full\"}} {WAITING}\n");
    assert!(fixture.boot.metrics.render().contains(&dropped));
    n1.metadata.uid = Some("u-2".to_owned());
    assert_eq!(journal.write(&n1, Entry::Installed).await, Err(Unwritten::Gone));
}

#[tokio::test(start_paused = true)]
async fn the_message_follows_the_problem_and_is_nobody_elses() {
    let fixture = Fixture::new(&machine(PEER));
    let (journal, n1) = (&fixture.boot.journal, fixture.stored());
    journal.note(&n1, progress(Step::Bootloader));
    journal.note(&n1, Entry::Problem("user-data: a".to_owned()));
    let told = "user-data: a";
    fixture.eventually("the message", |f| (f.message()? == told).then_some(())).await;
    let problem = fixture.stored().status.and_then(|status| status.boot?.problem);
    assert_eq!(problem.as_deref(), Some(told));
    journal.note(&n1, Entry::Solved("user-data: b".to_owned()));
    tokio::time::sleep(PACE * 2).await;
    assert_eq!(fixture.message().as_deref(), Some(told), "that was another one");
    // Firmware begins the next boot.
    journal.note(&n1, progress(Step::Dhcp));
    fixture.eventually("no message", |f| f.message().is_none().then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_written_before_the_end() {
    let fixture = Fixture::new(&machine(PEER));
    let (journal, n1) = (&fixture.boot.journal, fixture.stored());
    journal.note(&n1, writing(1));
    fixture.eventually("the first", |f| (!f.steps().is_empty()).then_some(())).await;
    journal.note(&n1, writing(99));
    let (steps, stored) = (fixture.steps(), fixture.shared());
    assert_eq!(steps, ["ImageWriting: 1 %"]);
    drop(fixture);
    tokio::time::timeout(Duration::from_millis(500), async {
        while !stored.lock().expect("not poisoned").to_string().contains("99 %") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the last percentage");
}
