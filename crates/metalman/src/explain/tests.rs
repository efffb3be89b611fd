use super::explain;
use crate::status::StatusError;

#[test]
fn causes_are_told_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer: {0}")]
    struct Outer(#[source] std::io::Error);
    let error = kube::Error::Service(Box::new(Outer(std::io::Error::other("refused"))));
    assert_eq!(explain(&error), "ServiceError: outer: refused");
    assert_eq!(explain(&std::fmt::Error), std::fmt::Error.to_string());
}

#[test]
fn every_cause_is_told() {
    #[derive(Debug, thiserror::Error)]
    #[error("layer {0}")]
    struct Layer(usize, #[source] Option<Box<Layer>>);
    let error = Layer(1, Some(Layer(2, Some(Layer(3, None).into())).into()));
    assert_eq!(explain(&error), "layer 1: layer 2: layer 3");
}

#[test]
fn the_api_server_is_quoted() {
    let answer = |reason: &str| {
        let status = kube::core::Status::failure("machines.unbounded-cloud.io \"a\" not found", reason).with_code(404);
        kube::Error::Api(Box::new(status))
    };
    assert_eq!(explain(&answer("NotFound")), "machines.unbounded-cloud.io \"a\" not found (NotFound)");
    assert_eq!(explain(&answer("")), "machines.unbounded-cloud.io \"a\" not found (no reason)");

    let source = Box::new(answer("NotFound"));
    let wrapped = StatusError::Api { machine: "a".into(), operation: "read", source };
    let expected = "status of machine a: cannot read: machines.unbounded-cloud.io \"a\" not found (NotFound)";
    assert_eq!(explain(&wrapped), expected);
    assert_eq!(explain(anyhow::Error::from(wrapped).context("outside").as_ref()), format!("outside: {expected}"));
}
