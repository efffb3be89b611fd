use std::sync::Arc;

use axum::{body::to_bytes, extract::Request, http::StatusCode};
use tower::ServiceExt;

use super::{Readiness, router};
use crate::metrics::Metrics;

async fn get(readiness: &Readiness, path: &str) -> (StatusCode, String) {
    let router = router(readiness.clone(), Arc::new(Metrics::new()), Arc::new(|metrics| metrics.set_leader(true)));
    let request = Request::get(path).body(axum::body::Body::empty()).expect("a request");
    let response = router.oneshot(request).await.expect("infallible");
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn readiness_lists_what_is_missing() {
    let readiness = Readiness::default();
    readiness.expect("machines-synced");
    readiness.pass("http-bound");
    let (status, text) = get(&readiness, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text, "[+]http-bound ok\n[-]machines-synced not yet\nreadyz check failed\n");
    readiness.pass("machines-synced");
    assert_eq!(get(&readiness, "/readyz").await, (StatusCode::OK, "ok".into()));
    let verbose = "[+]http-bound ok\n[+]machines-synced ok\nreadyz check passed\n";
    for path in ["/readyz?verbose", "/readyz?verbose=true", "/readyz?a=b&verbose"] {
        assert_eq!(get(&readiness, path).await, (StatusCode::OK, verbose.into()), "{path}");
    }
    // Once expected and passed, a check cannot be taken back by whoever expects it again.
    readiness.expect("machines-synced");
    assert!(readiness.report().0);
}

#[tokio::test]
async fn health_and_metrics_answer_while_not_ready() {
    let readiness = Readiness::default();
    readiness.expect("machines-synced");
    assert_eq!(get(&readiness, "/healthz").await, (StatusCode::OK, "ok".into()));
    let (status, text) = get(&readiness, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("metalman_build_info"));
    assert!(text.contains("metalman_leader 1"), "measured when scraped: {text}");
    assert_eq!(get(&readiness, "/other").await.0, StatusCode::NOT_FOUND);
}
