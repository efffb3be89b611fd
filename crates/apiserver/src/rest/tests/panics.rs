use futures::stream;

use super::*;

/// A body whose reading panics, inside of the request's handling.
fn panicking() -> Body {
    Body::from_stream(stream::once(async { panic!("secret") as Result<bytes::Bytes, std::io::Error> }))
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let c = Cluster::new().await;
    let json = [("content-type", "application/json")];
    // More than are served at once: a panic gives its place back.
    for _ in 0..=super::super::WRITES_IN_FLIGHT {
        let body = c
            .send(Method::POST, MAPS, &json, panicking())
            .await
            .refused(500, "could not be served because of a fault in the server");
        assert_eq!(body["reason"], "InternalError");
        assert!(!body.to_string().contains("secret"), "{body}");
    }
    c.config_map("a", json!({})).await;
    let metrics = c.get("/metrics").await.expect(200);
    let failed = format!("code=\"5xx\"}} {}", super::super::WRITES_IN_FLIGHT + 1);
    assert!(metrics.as_str().expect("text").contains(&failed), "{metrics}");
}
