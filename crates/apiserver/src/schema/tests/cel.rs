use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{faults, faults_of_update, spec, texts};
use crate::schema::SchemaRoot;

/// A schema with a bit of everything.
fn everything(rule: &str) -> Value {
    json!({"type": "object", "x-kubernetes-validations": [{"rule": rule}], "properties": {
        "s": {"type": "string"}, "t": {"type": "string"}, "i": {"type": "integer"}, "j": {"type": "integer"},
        "d": {"type": "number"}, "b": {"type": "boolean"},
        "time": {"type": "string", "format": "date-time"}, "took": {"type": "string", "format": "duration"},
        "bytes": {"type": "string", "format": "byte"},
        "list": {"type": "array", "items": {"type": "integer"}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "rows": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                 "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "v": {"type": "integer"}}}},
        "map": {"type": "object", "additionalProperties": {"type": "integer"}},
        "port": {"x-kubernetes-int-or-string": true},
        "namespace": {"type": "string"}, "a-b.c/d": {"type": "integer"}, "x__y": {"type": "integer"}, "_u": {"type": "integer"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "opt": {"type": "object", "properties": {"inner": {"type": "string"}}},
    }})
}

fn sample() -> Value {
    json!({"s": "hello", "t": "10.0.0.1", "i": 7, "j": 2, "d": 2, "b": true,
        "time": "2024-03-01T10:20:30Z", "took": "1h30m", "bytes": "aGVsbG8=",
        "list": [3, 1, 2], "set": ["a", "b"], "rows": [{"name": "x", "v": 1}, {"name": "y"}], "map": {"k": 1, "a.b": 2},
        "port": 80, "namespace": "ns", "a-b.c/d": 4, "x__y": 5, "_u": 6, "free": {"deep": {"er": "z"}}})
}

#[test]
fn expressions_that_hold() {
    for rule in [
        "self.s == 'hello' && self.i > self.j",
        "self.i / self.j == 3 && self.i % self.j == 1 && -self.i / self.j == -3",
        "self.d == 2.0 && self.d / 4.0 == 0.5",
        "double(self.i) / 2.0 == 3.5 && int(self.d) == 2",
        "has(self.s) && !has(self.opt) && !has(self.opt)",
        "!has(self.opt) || self.opt.inner == 'x'",
        "self.list.all(x, x > 0) && self.list.exists(x, x == 2) && self.list.exists_one(x, x == 3)",
        "self.list.map(x, x * 2) == [6, 2, 4] && self.list.filter(x, x > 1) == [3, 2]",
        "self.list.map(x, x > 1, x + 1) == [4, 3]",
        "self.list.all(x, self.list.exists(y, y == x))",
        "self.rows.all(r, r.name.size() == 1) && self.rows.exists(r, has(r.v) && r.v == 1)",
        "self.rows.filter(r, !has(r.v)).size() == 1",
        "self.map.all(k, self.map[k] > 0) && 'k' in self.map && !('z' in self.map)",
        "self.map['a.b'] == 2 && self.map.k == 1",
        "2 in self.list && !(9 in self.list)",
        "self.s.matches('^h.*o$') && !self.s.matches('^x')",
        "self.s.startsWith('he') && self.s.endsWith('lo') && self.s.contains('ell')",
        "size(self.s) == 5 && self.s.size() == 5 && size(self.list) == 3 && size(self.bytes) == 5",
        "self.s.upperAscii() == 'HELLO' && 'A'.lowerAscii() == 'a' && ' x '.trim() == 'x'",
        "self.s.split('l') == ['he', '', 'o'] && ['a', 'b'].join('-') == 'a-b' && self.s.replace('l', 'L', 1) == 'heLlo'",
        "self.s.substring(1, 3) == 'el' && self.s.substring(4) == 'o' && self.s.indexOf('l') == 2 && self.s.lastIndexOf('l') == 3",
        "self.s.charAt(1) == 'e' && 'ä€'.size() == 2 && 'ä€'.charAt(1) == '€'",
        "self.s.find('l+') == 'll' && 'a1b22'.findAll('[0-9]+') == ['1', '22']",
        "isIP(self.t) && !isIP('nope') && ip(self.t).family() == 4 && !ip(self.t).isLoopback()",
        "isCIDR('10.0.0.0/8') && cidr('10.0.0.0/8').containsIP(self.t) && cidr('10.0.0.0/8').prefixLength() == 8",
        "isURL('https://e.example:80/p') && url('https://e.example:80/p').getHost() == 'e.example:80' && url('https://e.example:80/p').getScheme() == 'https'",
        "isQuantity('1Gi') && quantity('1Gi').isGreaterThan(quantity('1M')) && quantity('2').asInteger() == 2",
        "quantity('200M').compareTo(quantity('0.2G')) == 0 && quantity('50k').add(20) == quantity('50020')",
        "isSemver('1.2.3') && semver('1.2.3').isLessThan(semver('1.10.0'))",
        "sets.contains(self.set, ['a']) && sets.equivalent(self.set, ['b', 'a']) && sets.intersects(self.set, ['b'])",
        "[1, 2, 3].isSorted() && !self.list.isSorted() && self.list.sum() == 6 && self.list.min() == 1 && self.list.max() == 3",
        "self.list.indexOf(1) == 1 && self.list.sort() == [1, 2, 3] && self.list.reverse() == [2, 1, 3]",
        "self.time < timestamp('2025-01-01T00:00:00Z') && self.time.getFullYear() == 2024 && self.time.getMonth() == 2",
        "self.time.getDate() == 1 && self.time.getDayOfMonth() == 0 && self.time.getDayOfWeek() == 5 && self.time.getHours('+02:00') == 12",
        "self.took == duration('90m') && self.took.getHours() == 1 && self.took.getMinutes() == 90",
        "self.time + duration('1h') > self.time && self.time - self.time == duration('0s')",
        "type(self.port) == int ? self.port == 80 : self.port == '80'",
        "self.port == 80 && self.__namespace__ == 'ns' && self.a__dash__b__dot__c__slash__d == 4",
        "self.x__underscores__y == 5 && self._u == 6",
        "has(self.free)",
        "self.?opt.?inner.orValue('none') == 'none' && !self.?opt.hasValue()",
        "optional.of(1).hasValue() && optional.none().orValue(3) == 3 && optional.of(2).optMap(x, x * 2).value() == 4",
        "self.?s.value() == 'hello' && self.list[?7].orValue(9) == 9 && [?self.?opt, 'x'].size() == 1",
        "{'a': 1}.a == 1 && {'a': 1}['a'] == 1 && {'a': 1} == {'a': 1}",
        "dyn(1) == 1.0 && 1u == uint(1) && string(12) == '12' && string(self.took) == '1h30m0s'",
        "true || self.list[9] == 1",
        "self.list[9] == 1 || true",
        "!(false && self.list[9] == 1) && !(self.list[9] == 1 && false)",
        "self.list.exists(x, self.list[x] == 2)",
        "self.rows.all(i, r, i >= 0 && r.name != '') && self.map.exists(k, v, k == 'k' && v == 1)",
        "'%s is %d'.format([self.s, self.i]) == 'hello is 7'",
        "!format.dns1123Label().validate('ok').hasValue() && format.named('dns1123Label').value().validate('A').hasValue()",
        "self.list == [3, 1, 2] && self.list != [1, 2, 3]",
        "math.greatest(1, 3) == 3 && base64.encode(b'hello') == 'aGVsbG8='",
        "self.set + ['b', 'c'] == ['a', 'b', 'c']",
    ] {
        let root = spec(everything(rule));
        assert_eq!(faults(&root, sample()), Vec::<String>::new(), "{rule}");
        // The same expression, denied, must fail: it was evaluated.
        let root = spec(everything(&format!("!({rule})")));
        assert_eq!(faults(&root, sample()), [format!("spec: Invalid value: \"object\": failed rule: !({rule})")]);
    }
}

#[test]
fn errors_of_evaluation_are_reported_not_swallowed() {
    for (rule, expected) in [
        ("self.list[9] == 1", "index out of bounds: 9 evaluating rule: failed rule: self.list[9] == 1"),
        ("self.opt.inner == 'x'", "no such key: opt evaluating rule: failed rule: self.opt.inner == 'x'"),
        ("self.i / (self.j - 2) == 1", "division by zero evaluating rule: failed rule: self.i / (self.j - 2) == 1"),
        (
            "9223372036854775807 + self.i > 0",
            "integer overflow evaluating rule: failed rule: 9223372036854775807 + self.i > 0",
        ),
        (
            "self.port > 'a'",
            "call arguments did not match a supported operator, function or macro signature for rule: self.port > 'a'",
        ),
        (
            "optional.none().value() == 1",
            "optional.none() dereference evaluating rule: failed rule: optional.none().value() == 1",
        ),
    ] {
        let root = spec(everything(rule));
        assert_eq!(faults(&root, sample()), [format!("spec: Invalid value: \"object\": {expected}")], "{rule}");
    }
}

#[test]
fn expressions_that_do_not_compile() {
    for (rule, why) in [
        ("self.nope == 1", "undefined field 'nope'"),
        // Preserved, but without a schema: not accessible.
        ("self.free.deep == 1", "undefined field 'deep'"),
        ("self.rows.all(r, r.nope == 1)", "undefined field 'nope'"),
        ("other == 1", "undeclared reference to 'other'"),
        ("self.s.frobnicate()", "undeclared reference to 'frobnicate'"),
        ("self.s == 1", "found no matching overload for '_==_' applied to '(string, int)'"),
        ("self.i + self.d > 1.0", "found no matching overload for '_+_' applied to '(int, double)'"),
        ("self.i", "must evaluate to a bool, but is int"),
        ("self.i && true", "found no matching overload for '_&&_' applied to '(int, bool)'"),
        ("self.s.matches('(')", "invalid matches argument"),
        ("self.i.all(x, true)", "cannot be range of a comprehension"),
        ("self ==", "Syntax error"),
    ] {
        let root = json!({"type": "object", "properties": {"spec": everything(rule)}});
        let errors = texts(&SchemaRoot::from_crd(&root, "").err().unwrap_or_default());
        assert!(errors.len() == 1 && errors[0].contains(why), "{rule}: {errors:?}");
    }
}

#[test]
fn messages_reasons_and_field_paths() {
    let root = spec(json!({"type": "object", "properties": {"min": {"type": "integer"}, "max": {"type": "integer"},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}}},
    "x-kubernetes-validations": [
        {"rule": "self.min <= self.max", "message": "unused",
         "messageExpression": "'min ' + string(self.min) + ' exceeds ' + string(self.max)", "fieldPath": ".min"},
        {"rule": "self.max < 10", "message": "max must be below 10", "reason": "FieldValueForbidden", "fieldPath": ".max"},
        {"rule": "self.min > 0", "message": "fallback", "messageExpression": "self.tags['none']", "reason": "FieldValueRequired"},
        {"rule": "!has(self.tags)", "message": "no x", "fieldPath": ".tags['x']"},
    ]}));
    assert_eq!(
        faults(&root, json!({"min": 0, "max": -1, "tags": {}})),
        [
            "spec.min: Invalid value: \"object\": min 0 exceeds -1",
            "spec: Required value: fallback",
            "spec.tags[x]: Invalid value: \"object\": no x",
        ]
    );
    assert_eq!(faults(&root, json!({"min": 1, "max": 11})), ["spec.max: Forbidden: max must be below 10"]);
    let wrong = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}},
        "x-kubernetes-validations": [{"rule": "true", "fieldPath": ".b"}]}}});
    let errors = texts(&SchemaRoot::from_crd(&wrong, "").unwrap_err());
    assert!(errors[0].contains("does not refer to a valid field"), "{errors:?}");
}

#[test]
fn transition_rules() {
    let root = spec(json!({"type": "object", "properties": {
        "fixed": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is immutable"}]},
        "rows": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"], "items": {
            "type": "object", "required": ["n"], "properties": {"n": {"type": "string"}, "v": {"type": "integer",
                "x-kubernetes-validations": [{"rule": "self >= oldSelf", "message": "may only grow"}]}}}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"},
                "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "same members"}]},
    }}));
    assert!(faults(&root, json!({"fixed": "a"})).is_empty(), "not on create");
    assert!(faults_of_update(&root, json!({}), json!({"fixed": "a"})).is_empty(), "nothing to compare with");
    assert!(faults_of_update(&root, json!({"fixed": "a"}), json!({"fixed": "a"})).is_empty());
    assert_eq!(
        faults_of_update(&root, json!({"fixed": "a"}), json!({"fixed": "b"})),
        ["spec.fixed: Invalid value: \"string\": is immutable"]
    );
    let rows = |v: Value| json!({"rows": v});
    assert_eq!(
        faults_of_update(
            &root,
            rows(json!([{"n": "a", "v": 5}, {"n": "b", "v": 1}])),
            rows(json!([{"n": "b", "v": 2}, {"n": "a", "v": 4}]))
        ),
        ["spec.rows[1].v: Invalid value: \"integer\": may only grow"]
    );
    assert!(
        faults_of_update(&root, json!({"set": ["a", "b"]}), json!({"set": ["b", "a"]})).is_empty(),
        "sets have no order"
    );

    let optional = spec(json!({"type": "string", "x-kubernetes-validations": [
        {"rule": "oldSelf.hasValue() ? oldSelf.value() != self : self == 'first'", "optionalOldSelf": true}]}));
    assert!(faults(&optional, json!("first")).is_empty());
    assert_eq!(faults(&optional, json!("other")).len(), 1);
    assert!(faults_of_update(&optional, json!("a"), json!("b")).is_empty());
}

#[test]
fn rules_see_metadata_names_at_the_root() {
    let root = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "string"}}}},
        "x-kubernetes-validations": [{"rule": "self.metadata.name == self.spec.n && self.kind == 'K'", "message": "name must match"}]});
    let root = SchemaRoot::from_crd(&root, "").unwrap();
    let object = |n: &str| json!({"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "x"}, "spec": {"n": n}});
    assert!(root.validate(&object("x"), None).is_empty());
    assert_eq!(texts(&root.validate(&object("y"), None)), ["<nil>: Invalid value: \"object\": name must match"]);
    let labels = json!({"type": "object", "x-kubernetes-validations": [{"rule": "has(self.metadata.labels)"}]});
    assert!(texts(&SchemaRoot::from_crd(&labels, "").unwrap_err())[0].contains("undefined field 'labels'"));
}

#[test]
fn expensive_rules_end() {
    let big: Vec<Value> = (0..20_000).map(|i| json!(i)).collect();
    let text = "a".repeat(200_000);
    for (rule, value) in [
        ("self.list.all(a, self.list.all(b, self.list.all(c, a + b + c >= 0)))", json!({"list": big})),
        ("self.list.map(a, self.list.map(b, a * b)).size() > 0", json!({"list": big})),
        ("self.list.all(a, self.s.matches('(a+)+$'))", json!({"list": big, "s": text})),
        ("self.list.all(a, self.s.matches(self.s))", json!({"list": big, "s": text})),
        ("self.s.replace('a', self.s).replace('a', self.s).size() > 0", json!({"s": text})),
        ("self.list.all(a, sets.contains(self.list, self.list))", json!({"list": big})),
        ("self.list.all(a, (self.s + self.s).size() > 0)", json!({"list": big, "s": text})),
    ] {
        let root = spec(everything(rule));
        let start = Instant::now();
        let errors = faults(&root, value);
        assert!(errors.len() == 1 && errors[0].contains("cost"), "{rule}: {errors:?}");
        // Generous: this is a debug build on a busy machine. Without a bound it would be hours.
        assert!(start.elapsed() < Duration::from_secs(20), "{rule}: {:?}", start.elapsed());
    }
}
