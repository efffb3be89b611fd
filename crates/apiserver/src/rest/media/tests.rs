use super::*;

#[test]
fn kubectl_get_asks_for_a_table() {
    let header = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
    assert_eq!(negotiate(Some(header), true).expect("accepted").shape, Shape::Table);
    assert_eq!(negotiate(Some(header), false).expect("accepted").shape, Shape::Object);
}

#[test]
fn alternatives_and_quality() {
    let a = negotiate(Some("application/vnd.kubernetes.protobuf, application/json"), true).expect("json");
    assert_eq!(a, Accept::default());
    assert_eq!(
        negotiate(Some("application/json;q=0.5, application/yaml"), true).expect("yaml").encoding,
        Encoding::Yaml
    );
    assert_eq!(negotiate(Some("*/*"), true).expect("any"), Accept::default());
    assert_eq!(negotiate(None, true).expect("none"), Accept::default());
    let partial = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    assert_eq!(negotiate(Some(partial), true).expect("partial").shape, Shape::Metadata);
}

#[test]
fn nothing_acceptable_is_406() {
    for header in [
        "application/vnd.kubernetes.protobuf",
        "text/html",
        "application/json;as=Unknown;v=v1;g=meta.k8s.io",
        "application/json;q=0",
    ] {
        assert_eq!(negotiate(Some(header), true).expect_err(header).code, 406, "{header}");
    }
}

#[test]
fn bodies() {
    assert_eq!(body_type(Some("application/json; charset=utf-8"), true).expect("json"), BodyType::Json);
    assert_eq!(body_type(Some("application/yaml"), true).expect("yaml"), BodyType::Yaml);
    assert_eq!(body_type(None, true).expect("none"), BodyType::Json);
    let protobuf = Some("application/vnd.kubernetes.protobuf");
    assert_eq!(body_type(protobuf, false).expect("built-in"), BodyType::Protobuf);
    assert_eq!(body_type(protobuf, true).expect_err("custom").code, 415);
    assert_eq!(body_type(Some("text/plain"), false).expect_err("text").code, 415);
}

#[test]
fn patches() {
    assert_eq!(
        patch_type(Some("application/strategic-merge-patch+json"), false).expect("built-in"),
        PatchType::Strategic
    );
    assert_eq!(patch_type(Some("application/strategic-merge-patch+json"), true).expect_err("custom").code, 415);
    assert_eq!(patch_type(Some("application/apply-patch+yaml"), true).expect("apply"), PatchType::Apply);
    assert_eq!(patch_type(Some("application/json"), false).expect_err("plain").code, 415);
    assert_eq!(patch_type(None, false).expect_err("none").code, 415);
}
