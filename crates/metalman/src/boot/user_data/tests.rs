use k8s_openapi::ByteString;
use serde_json::json;

use super::*;

fn machine(reference: &serde_json::Value) -> Machine {
    serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": "n1" },
        "spec": { "pxe": { "image": "i", "cloudInit": { "userDataConfigMapRef": reference } } },
    }))
    .expect("a Machine")
}

fn map(name: &str, key: &str, text: &str) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.into());
    map.data = Some(BTreeMap::from([(key.into(), text.into())]));
    map
}

fn named(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn failure(outcome: Result<Bytes, Unresolved>) -> String {
    match outcome {
        Err(Unresolved::Failed(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_default_is_for_machines_without_a_reference() {
    let user_data = UserData::new("ours");
    let plain: Machine = serde_json::from_value(
        json!({ "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": {}, "spec": {} }),
    )
    .expect("a Machine");
    assert_eq!(user_data.of(&plain), Ok(Bytes::from_static(b"#cloud-config\n")));
}

#[test]
fn a_reference_resolves_or_says_why_not() {
    let user_data = UserData::new("ours");
    let asks = machine(&json!({ "name": "ud", "namespace": "ours" }));
    assert_eq!(user_data.of(&asks), Err(Unresolved::NotYet));
    assert_eq!(user_data.want(&named(&["ud"])), ["ud"]);
    assert_eq!(user_data.of(&asks), Err(Unresolved::NotYet));
    user_data.fetched("ud", None);
    assert_eq!(failure(user_data.of(&asks)), "spec.pxe.cloudInit.userDataConfigMapRef: there is no ConfigMap ours/ud");
    user_data.take(Change::Apply(map("ud", "other", "x")));
    assert!(failure(user_data.of(&asks)).ends_with("ConfigMap ours/ud has no key \"user-data\""));
    user_data.take(Change::Apply(map("ud", "user-data", "first")));
    assert_eq!(user_data.of(&asks), Ok("first".into()));
    let mut binary = ConfigMap::default();
    binary.metadata.name = Some("ud".into());
    binary.binary_data = Some(BTreeMap::from([("user-data".into(), ByteString(vec![0xff, 0]))]));
    user_data.take(Change::Apply(binary));
    assert_eq!(user_data.of(&asks), Ok(Bytes::from_static(&[0xff, 0])));
    user_data.take(Change::Delete(map("ud", "user-data", "")));
    assert!(failure(user_data.of(&asks)).contains("there is no ConfigMap"));
    user_data.take(Change::Replace(vec![map("ud", "user-data", "again")]));
    assert_eq!(user_data.of(&asks), Ok("again".into()));
    user_data.take(Change::Replace(vec![]));
    assert!(failure(user_data.of(&asks)).contains("there is no ConfigMap"));
}

#[test]
fn other_namespaces_are_refused() {
    let user_data = UserData::new("ours");
    let asks = machine(&json!({ "name": "ud", "namespace": "kube-system" }));
    assert_eq!(user_data.named(&asks), None);
    let why = failure(user_data.of(&asks));
    assert!(why.contains("\"kube-system\"") && why.contains("put the ConfigMap into ours"), "{why}");
}

#[test]
fn only_what_is_named_is_kept() {
    let user_data = UserData::new("ours");
    user_data.take(Change::Replace(vec![map("a", "user-data", "x"), map("b", "user-data", "x")]));
    assert!(user_data.lock().is_empty());
    user_data.want(&named(&["a"]));
    user_data.take(Change::Apply(map("b", "user-data", "x")));
    user_data.take(Change::Apply(map("a", "user-data", "x")));
    assert_eq!(user_data.lock().keys().collect::<Vec<_>>(), ["a"]);
    assert!(user_data.want(&named(&[])).is_empty());
    assert!(user_data.lock().is_empty());
}

#[test]
fn a_read_never_undoes_what_the_watch_brought() {
    let user_data = UserData::new("ours");
    let asks = machine(&json!({ "name": "ud", "namespace": "ours" }));
    user_data.want(&named(&["ud"]));
    user_data.take(Change::Apply(map("ud", "user-data", "newer")));
    user_data.fetched("ud", Some(map("ud", "user-data", "older")));
    assert_eq!(user_data.of(&asks), Ok("newer".into()));
}
