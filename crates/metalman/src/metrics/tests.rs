use super::Metrics;

fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find(|l| l.starts_with(start)).unwrap_or_else(|| panic!("no {start} in\n{text}"))
}

#[test]
fn names_and_labels_are_stable() {
    let metrics = Metrics::new();
    metrics.set_leader(true);
    metrics.set_inventory(&[("Pending", 2), ("Ready", 0)], 3, 4, 1);
    let gone = kube::core::Status::failure("gone", "Expired").with_code(410);
    metrics.api_error("watch_machines", &kube::Error::Api(Box::new(gone)));
    metrics.watch_broke("machines");
    metrics.watch_works("configmaps");
    metrics.set_cluster_fact("dns", "flag", &["flag", "discovered"]);
    let text = metrics.render();
    for expected in [
        concat!("metalman_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        "metalman_leader 1",
        "metalman_machines{phase=\"Pending\"} 2",
        "metalman_machines{phase=\"Ready\"} 0",
        "metalman_inventory_macs 3",
        "metalman_inventory_addresses 4",
        "metalman_inventory_duplicates 1",
        "metalman_api_errors_total{operation=\"watch_machines\",reason=\"expired\"} 1",
        "metalman_watch_restarts_total{resource=\"machines\"} 1",
        "metalman_watch_staleness_seconds{resource=\"configmaps\"} 0.0",
        "metalman_cluster_fact{fact=\"dns\",source=\"flag\"} 1",
        "metalman_cluster_fact{fact=\"dns\",source=\"discovered\"} 0",
    ] {
        assert_eq!(line(&text, expected), expected);
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn staleness_grows_until_the_watch_works() {
    let metrics = Metrics::new();
    assert_eq!(metrics.watch_staleness("machines"), None);
    metrics.watch_broke("machines");
    let first = metrics.watch_staleness("machines").expect("broken");
    metrics.watch_broke("machines");
    assert!(metrics.watch_staleness("machines").expect("still broken") >= first, "counted from the first break");
    metrics.watch_works("machines");
    assert_eq!(metrics.watch_staleness("machines"), None);
}
