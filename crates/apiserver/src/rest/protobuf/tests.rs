use proptest::prelude::*;

use super::*;

fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, number << 3 | 2);
    put(&mut out, bytes.len() as u64);
    out.extend(bytes);
    out
}
fn number(field: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, field << 3);
    put(&mut out, value);
    out
}
fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(u8::try_from(n & 0x7f).expect("seven bits") | 0x80);
        n >>= 7;
    }
    out.push(u8::try_from(n).expect("seven bits"));
}
fn body(version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let meta = [field(1, version.as_bytes()), field(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), field(1, &meta), field(2, raw)].concat()
}

/// What kubectl 1.32 sends for `create configmap x --from-literal=a=b`, byte for byte.
#[test]
fn a_config_map_as_kubectl_sends_it() {
    let bytes = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x1b\x0a\x11\x0a\x01x\x12\x00\x1a\x00\x22\x00\x2a\x002\x008\x00B\x00\x12\x06\x0a\x01a\x12\x01b\x1a\x00\x22\x00";
    let value = decode(bytes).expect("decodes");
    assert_eq!(value, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}));
}

#[test]
fn pointers_to_zero_stay_and_plain_zeros_go() {
    let spec = [number(1, 0), number(5, 0)].concat();
    let value = decode(&body("apps/v1", "Deployment", &field(2, &spec))).expect("decodes");
    assert_eq!(value["spec"], json!({"replicas": 0}), "replicas is optional, minReadySeconds is not");
}

#[test]
fn special_types() {
    let at = [number(1, 1_700_000_000), number(2, 5000)].concat();
    let lease = field(2, &[field(1, b"me"), number(2, 15), field(4, &at)].concat());
    let value = decode(&body("coordination.k8s.io/v1", "Lease", &lease)).expect("decodes");
    assert_eq!(value["spec"]["renewTime"], "2023-11-14T22:13:20.000005Z");
    let port = [number(3, 80), field(4, &[number(1, 1), field(3, b"web")].concat())].concat();
    let value = decode(&body("v1", "Service", &field(2, &field(1, &port)))).expect("decodes");
    assert_eq!(value["spec"]["ports"], json!([{"port": 80, "targetPort": "web"}]));
    let value =
        decode(&body("v1", "Secret", &field(2, &[field(1, b"k"), field(2, b"\x00\xff")].concat()))).expect("decodes");
    assert_eq!(value["data"]["k"], "AP8=");
    // Inline messages: the name of a ConfigMapKeySelector stands in an embedded LocalObjectReference.
    let from = field(3, &[field(1, &field(1, b"cm")), field(2, b"key")].concat());
    let env = field(7, &[field(1, b"E"), field(3, &from)].concat());
    let value = decode(&body("v1", "Pod", &field(2, &field(2, &env)))).expect("decodes");
    assert_eq!(
        value["spec"]["containers"][0]["env"][0],
        json!({"name": "E", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "key"}}})
    );
}

#[test]
fn delete_options_come_in_any_version() {
    let value = decode(&body("apps/v1", "DeleteOptions", &field(4, b"Orphan"))).expect("decodes");
    assert_eq!(value["propagationPolicy"], "Orphan");
}

#[test]
fn nonsense_is_refused() {
    for bytes in [&b""[..], b"k8s", b"{}", b"k8s\0\x0a\xff", b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
        assert!(decode(bytes).is_err(), "{bytes:?}");
    }
    assert!(decode(&body("v1", "Nothing", b"")).is_err());
    assert!(decode(&body("v1", "ConfigMap", b"\x0a\x05x")).is_err());
    assert!(decode(&body("v1", "ConfigMap", &number(1, 1))).is_err(), "metadata is no number");
}

#[test]
fn every_type_of_the_table_is_known() {
    for (name, fields) in messages() {
        assert!(!name.is_empty());
        for f in fields {
            let mut t = &f.type_;
            while let Type::List(inner) | Type::Map(inner) = t {
                t = inner;
            }
            if let Type::Message(m) = t {
                assert!(messages().contains_key(m), "{name}.{} is {m}", f.name);
            }
        }
    }
    assert!(messages().len() > 200);
}

proptest! {
    #[test]
    fn any_bytes_decode_or_fail(raw in proptest::collection::vec(any::<u8>(), 0..200), kind in prop::sample::select(vec!["Pod", "Node", "Secret", "Service"])) {
        let _ = decode(&body("v1", kind, &raw));
        let _ = decode(&[MAGIC, &raw].concat());
    }
}
