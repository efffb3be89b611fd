use super::{explain, pem};

#[test]
fn causes_are_told_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer: {0}")]
    struct Outer(#[source] std::io::Error);
    let error = kube::Error::Service(Box::new(Outer(std::io::Error::other("refused"))));
    assert_eq!(explain(&error), "ServiceError: outer: refused");
}

#[test]
fn the_api_server_is_quoted() {
    let status = kube::core::Status::failure("machines.unbounded-cloud.io \"a\" not found", "NotFound").with_code(404);
    let error = kube::Error::Api(Box::new(status));
    assert_eq!(explain(&error), "machines.unbounded-cloud.io \"a\" not found (NotFound)");
}

#[test]
fn pem_has_short_lines() {
    let text = pem(&[7; 100]);
    assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n") && text.ends_with("\n-----END CERTIFICATE-----\n"));
    assert!(text.lines().all(|l| l.len() <= 64), "{text}");
}
