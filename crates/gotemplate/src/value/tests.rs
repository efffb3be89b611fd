//! Values: order, types, truth, sharing, and what serde makes of them.

use serde::Serialize;

use super::*;

#[test]
fn maps_are_in_key_order_and_the_last_of_equal_keys_wins() {
    let map = Map::from_iter([("b", 1), ("a", 2), ("b", 3), ("B", 4)]);
    let entries: Vec<(String, Value)> = map.entries().into_iter().map(|(k, v)| (k.to_string(), v)).collect();
    assert_eq!(entries, [("B".into(), 4.into()), ("a".into(), 2.into()), ("b".into(), 3.into())]);
    assert_eq!(map.get(b"c"), None);
}

#[test]
fn shared_maps_change_for_every_holder() {
    let map = Map::shared([("a", Value::Int(1))]);
    let held = Value::from(vec![Value::from(map.clone())]);
    map.set("b", Value::Int(2)).expect("it is shared");
    assert_eq!(map.remove(b"a"), Ok(Some(Value::Int(1))));
    assert_eq!(held, Value::from(vec![Value::from(Map::from_iter([("b", 2)]))]));
    assert_eq!(map.set("me", held), Err(SetError::Cycle));
    assert_eq!(Map::from_iter([("a", 1)]).remove(b"a"), Err(SetError::Fixed));
}

#[test]
fn parts_of_a_list_can_be_extended_to_its_capacity() {
    let list = List::from_iter([1, 2, 3, 4]);
    let part = list.part(1, 2, 4);
    assert_eq!((part.len(), part.cap()), (1, 3));
    assert_eq!(&*part.part(0, 3, 3), &[2.into(), 3.into(), 4.into()]);
    assert_eq!(part, List::from_iter([2]));
}

#[test]
fn truth_and_types() {
    let falsy = [
        Value::Nil,
        false.into(),
        0.into(),
        0.0.into(),
        "".into(),
        List::from_iter([0; 0]).into(),
        Map::default().into(),
    ];
    let types: Vec<String> = falsy.iter().map(Value::type_name).collect();
    assert_eq!(types, ["<nil>", "bool", "int", "float64", "string", "[]interface {}", "map[string]interface {}"]);
    assert!(falsy.iter().all(|v| !v.truth()));
    assert!([Value::from(Struct::new("T")), "false".into(), (-1).into(), f64::NAN.into()].iter().all(Value::truth));
    assert_eq!(Value::zero(&Type::list(Type::String)).type_name(), "[]string");
    assert_eq!(Value::zero(&Type::Any), Value::Nil);
}

#[test]
fn rust_structs_become_go_structs() {
    #[derive(Serialize)]
    struct Machine {
        name: &'static str,
        disks: Vec<u64>,
        image: Option<String>,
        state: State,
    }
    #[derive(Serialize)]
    enum State {
        Ready,
        Failed(String),
    }
    let machine = Machine { name: "n1", disks: vec![1, u64::MAX], image: None, state: State::Ready };
    let value = Value::from_serialize(&machine).expect("it serializes");
    let Value::Struct(s) = &value else { panic!("{value:?}") };
    assert_eq!(s.name(), "Machine");
    assert_eq!(s.get(b"name"), Some(&"n1".into()));
    assert_eq!(s.get(b"disks"), Some(&vec![Value::Int(1), Value::Uint(u64::MAX)].into()));
    assert_eq!(s.get(b"image"), Some(&Value::Nil));
    assert_eq!(s.get(b"state"), Some(&"Ready".into()));
    let failed = Value::from_serialize(&State::Failed("disk".into())).expect("it serializes");
    assert_eq!(failed, Map::from_iter([("Failed", "disk")]).into());
}

#[test]
fn json_numbers() {
    let value: Value = serde_json::from_str("[1, -1, 18446744073709551615, 1.0, 1e3]").expect("JSON");
    let want = [Value::Int(1), Value::Int(-1), Value::Uint(u64::MAX), Value::Float(1.0), Value::Float(1000.0)];
    assert_eq!(value, want.to_vec().into());
}

#[test]
fn deep_values_are_dropped_without_recursion() {
    let mut value = Value::Nil;
    for i in 0..300_000 {
        value = match i % 3 {
            0 => vec![value].into(),
            1 => Map::from_iter([("k", value)]).into(),
            _ => Struct::new("T").any_field("F", value).into(),
        };
    }
    drop(value);
}
