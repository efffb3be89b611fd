use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::{
    series::{Key, Series, Step},
    *,
};
use kube::{api::ListParams, config::Kubeconfig};

fn key(note: &str) -> Key {
    ("uid".to_owned(), "TemplateFailed", note.to_owned())
}

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_same_again_raises_a_count_now_and_then() {
    let mut series = Series::default();
    assert_eq!(series.step(key("a"), at(0)), Step::Create);
    series.written(&key("a"), "event-1".into());
    for second in 1..10 {
        assert_eq!(series.step(key("a"), at(second)), Step::Skip);
    }
    assert_eq!(series.step(key("a"), at(11)), Step::Raise { name: "event-1".into(), count: 11 });
    assert_eq!(series.step(key("a"), at(12)), Step::Skip);
    assert_eq!(series.step(key("a"), at(12 + 6 * 60)), Step::Create, "after silence it is news");
}

#[test]
fn what_could_not_be_written_is_tried_anew() {
    let mut series = Series::default();
    assert_eq!(series.step(key("a"), at(0)), Step::Create);
    series.forget(&key("a"));
    assert_eq!(series.step(key("a"), at(1)), Step::Create);
}

#[test]
fn a_storm_of_different_events_is_bounded() {
    let mut series = Series::default();
    let steps: Vec<Step> = (0..10_000).map(|n| series.step(key(&n.to_string()), at(0))).collect();
    assert_eq!(steps.iter().filter(|step| **step == Step::Create).count(), 50);
    assert!(steps[50..].iter().all(|step| *step == Step::Drop));
    let later = (0..10_000).filter(|n| series.step(key(&format!("b{n}")), at(10)) == Step::Create).count();
    assert_eq!(later, 20, "two a second in the long run");
}

#[test]
fn long_notes_are_cut_at_a_character() {
    let note = cut("ä".repeat(2000));
    assert!(note.len() <= LONGEST_NOTE && note.ends_with('…'), "{} bytes", note.len());
    assert_eq!(cut("short".into()), "short");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_written_and_raised() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().expect("a folder");
    let server = apiserver::server::ApiServer::start(apiserver::server::Config {
        data_dir: dir.path().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        names: Vec::new(),
        advertise_url: None,
    })
    .await
    .expect("an API server");
    let kubeconfig = Kubeconfig::from_yaml(&server.admin_kubeconfig()).expect("a kubeconfig");
    let client = crate::client::from_kubeconfig(kubeconfig, None).await.expect("a client").client;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.run(stop.clone()));

    let (recorder, write) = Recorder::new(client.clone(), "replica-1".into(), Arc::new(Metrics::new()));
    let writing = tokio::spawn(write(stop.clone()));
    let mut machine = Machine::new("server-17", metalman_core::api::MachineSpec::default());
    machine.metadata.uid = Some("4c1d…".into());
    recorder.record(&machine, Kind::Warning, "TemplateFailed", "grub.cfg.tmpl:3:7: no such field");

    let events: Api<Event> = Api::namespaced(client, NAMESPACE);
    let deadline = Instant::now() + Duration::from_secs(20);
    let event = loop {
        let seen = events.list(&ListParams::default()).await.expect("a list").items;
        let found = seen.iter().find(|event| event.reason.as_deref() == Some("TemplateFailed")).cloned();
        if let Some(event) = found {
            break event;
        }
        assert!(Instant::now() < deadline, "no event in {seen:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(event.note.as_deref(), Some("grub.cfg.tmpl:3:7: no such field"));
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    let about = event.regarding.expect("an object");
    assert_eq!((about.kind.as_deref(), about.name.as_deref()), (Some("Machine"), Some("server-17")));

    let raiser = Writer {
        api: events.clone(),
        instance: "replica-1".into(),
        metrics: Arc::new(Metrics::new()),
        series: Series::default(),
    };
    let name = event.metadata.name.expect("a name");
    raiser.raise(&name, 7).await.expect("raised");
    assert_eq!(events.get(&name).await.expect("it").series.expect("a series").count, 7);

    stop.cancel();
    writing.await.expect("the writer ends");
    let _ = serving.await;
}
