use kube::Client;
use metalman_core::cluster::ClusterInfo;

use super::{Discovered, Source};
use crate::{client::Connection, config::ClusterOverrides};

fn connection() -> Connection {
    let service = tower::service_fn(|_: axum::http::Request<kube::client::Body>| async {
        Err::<axum::http::Response<kube::client::Body>, _>(std::io::Error::other("nobody there"))
    });
    Connection {
        client: Client::new(service, "default"),
        once: Client::new(service, "default"),
        url: "https://10.96.0.1".into(),
        ca_pem: None,
        default_namespace: "default".into(),
    }
}

#[tokio::test]
async fn flag_over_cluster_over_fallback() {
    let nothing = Discovered::default();
    let facts = nothing.facts(&ClusterOverrides::default(), &connection());
    assert_eq!(
        (facts.apiserver_url.value.as_str(), facts.apiserver_url.source),
        ("https://10.96.0.1", Source::Fallback)
    );
    assert_eq!((facts.ca_pem.value, facts.ca_pem.source), (None, Source::Missing));
    assert_eq!((facts.kubernetes_version.value, facts.kubernetes_version.source), (None, Source::Missing));
    assert_eq!(
        (facts.cluster_dns.value.to_string(), facts.cluster_dns.source),
        ("10.96.0.10".into(), Source::Fallback)
    );

    let found = Discovered {
        info: Some(ClusterInfo { server: "https://api:6443".into(), ca_pem: "PEM".into() }),
        version: Some("v1.34.0".into()),
        dns: "10.43.0.10".parse().ok(),
        looked: [true, true],
    };
    let facts = found.facts(&ClusterOverrides::default(), &connection());
    assert_eq!(
        (facts.apiserver_url.value.as_str(), facts.apiserver_url.source),
        ("https://api:6443", Source::Discovered)
    );
    assert_eq!((facts.ca_pem.value.as_deref(), facts.ca_pem.source), (Some("PEM"), Source::Discovered));
    assert_eq!(
        (facts.kubernetes_version.value.as_deref(), facts.cluster_dns.source),
        (Some("v1.34.0"), Source::Discovered)
    );

    let overrides = ClusterOverrides {
        apiserver_url: Some("https://told:6443".into()),
        kubernetes_version: Some("v1.33.1".into()),
        cluster_dns: "10.0.0.10".parse().ok(),
    };
    let facts = found.facts(&overrides, &connection());
    assert_eq!((facts.apiserver_url.value.as_str(), facts.apiserver_url.source), ("https://told:6443", Source::Flag));
    assert_eq!(facts.ca_pem.value.as_deref(), Some("PEM"), "the URL alone is overridden");
    assert_eq!(
        (facts.kubernetes_version.value.as_deref(), facts.kubernetes_version.source),
        (Some("v1.33.1"), Source::Flag)
    );
    assert_eq!((facts.cluster_dns.value.to_string(), facts.cluster_dns.source), ("10.0.0.10".into(), Source::Flag));
}
