//! Rules, bindings, aggregation and escalation, from Kubernetes' documentation ("Using RBAC Authorization").

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Rule, View, aggregation, escalation};
use crate::auth::{Attributes, UserInfo};

fn user(name: &str, groups: &[&str]) -> UserInfo {
    UserInfo { username: name.into(), groups: groups.iter().map(|g| (*g).to_owned()).collect(), ..UserInfo::default() }
}

fn role(namespace: &str, name: &str, rules: &Value) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name}, "rules": rules})
}

fn binding(namespace: &str, name: &str, role_kind: &str, role: &str, subjects: &Value) -> Value {
    json!({
        "metadata": {"namespace": namespace, "name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": subjects,
    })
}

fn asked<'a>(verb: &'a str, resource: &'a str, namespace: &'a str, name: &'a str) -> Attributes<'a> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Attributes { verb, resource, subresource, namespace, name, ..Attributes::default() }
}

#[test]
fn a_rule_allows_what_it_says() {
    let rule = |json: Value| Rule::from_json(&json);
    let pods = rule(json!({"apiGroups": [""], "resources": ["pods", "pods/log", "*/scale"], "verbs": ["get", "list"]}));
    let named = rule(json!({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["a"], "verbs": ["get"]}));
    let all = rule(json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}));
    let urls = rule(json!({"nonResourceURLs": ["/healthz", "/apis/*"], "verbs": ["get"]}));
    for (rule, verb, resource, name, expected) in [
        (&pods, "get", "pods", "x", true),
        (&pods, "watch", "pods", "x", false),
        (&pods, "get", "pods/log", "x", true),
        (&pods, "get", "pods/exec", "x", false),
        (&pods, "get", "deployments/scale", "x", true),
        (&pods, "get", "deployments", "x", false),
        (&pods, "get", "scale", "x", false),
        (&named, "get", "configmaps", "a", true),
        (&named, "get", "configmaps", "b", false),
        (&named, "get", "configmaps", "", false),
        (&all, "approve", "signers", "x", true),
        (&all, "get", "pods/log", "x", true),
        (&urls, "get", "pods", "x", false),
    ] {
        assert_eq!(rule.allows(&asked(verb, resource, "ns", name)), expected, "{rule} {verb} {resource} {name}");
    }
    assert!(!pods.allows(&Attributes { group: "apps", ..asked("get", "pods", "ns", "x") }));
    for (verb, path, expected) in [
        ("get", "/healthz", true),
        ("get", "/healthz/x", false),
        ("get", "/apis/", true),
        ("get", "/apis/a/b", true),
        ("get", "/apis", false),
        ("post", "/healthz", false),
    ] {
        assert_eq!(urls.allows(&Attributes { verb, path, ..Attributes::default() }), expected, "{verb} {path}");
    }
    assert!(!all.allows(&Attributes { verb: "get", path: "/healthz", ..Attributes::default() }));
    let malformed = rule(json!({"apiGroups": "*", "resources": [1], "verbs": {"*": true}}));
    assert!(!malformed.allows(&asked("get", "pods", "", "")));
}

/// The documentation's examples: `pod-reader` in one namespace, `secret-reader` everywhere.
fn documented() -> View {
    let rules =
        |resource: &str| json!([{"apiGroups": [""], "resources": [resource], "verbs": ["get", "watch", "list"]}]);
    View::build(
        &[role("", "secret-reader", &rules("secrets")), role("", "nodes", &rules("nodes"))],
        &[role("default", "pod-reader", &rules("pods"))],
        &[
            binding(
                "",
                "read-secrets-global",
                "ClusterRole",
                "secret-reader",
                &json!([{"kind": "Group", "name": "manager"}]),
            ),
            binding("", "lost", "ClusterRole", "gone", &json!([{"kind": "User", "name": "lost"}])),
            binding("", "wrong", "Role", "pod-reader", &json!([{"kind": "User", "name": "lost"}])),
        ],
        &[
            binding(
                "default",
                "read-pods",
                "Role",
                "pod-reader",
                &json!([
                    {"kind": "User", "name": "jane"},
                    {"kind": "ServiceAccount", "name": "robot", "namespace": "tools"},
                    {"kind": "ServiceAccount", "name": "local"},
                    {"kind": "Alien", "name": "x"}, {"kind": "User"},
                ]),
            ),
            binding(
                "development",
                "read-secrets",
                "ClusterRole",
                "secret-reader",
                &json!([{"kind": "User", "name": "dave"}]),
            ),
            binding("development", "nodes", "ClusterRole", "nodes", &json!([{"kind": "User", "name": "dave"}])),
        ],
    )
}

#[test]
fn bindings_give_rules_where_they_are() {
    let view = documented();
    for (user, verb, resource, namespace, expected) in [
        (
            user("jane", &[]),
            "get",
            "pods",
            "default",
            "RBAC: allowed by RoleBinding \"read-pods/default\" of Role \"pod-reader\" to User \"jane\"",
        ),
        (user("jane", &[]), "get", "pods", "other", ""),
        (user("jane", &[]), "list", "pods", "", ""),
        (user("jane", &[]), "delete", "pods", "default", ""),
        (user("x", &["jane"]), "get", "pods", "default", ""),
        (
            user("system:serviceaccount:tools:robot", &[]),
            "get",
            "pods",
            "default",
            "RBAC: allowed by RoleBinding \"read-pods/default\" of Role \"pod-reader\" to ServiceAccount \"robot/tools\"",
        ),
        (
            user("system:serviceaccount:default:local", &[]),
            "get",
            "pods",
            "default",
            "RBAC: allowed by RoleBinding \"read-pods/default\" of Role \"pod-reader\" to ServiceAccount \"local/default\"",
        ),
        (user("system:serviceaccount:other:robot", &[]), "get", "pods", "default", ""),
        (
            user("x", &["dev", "manager"]),
            "get",
            "secrets",
            "any",
            "RBAC: allowed by ClusterRoleBinding \"read-secrets-global\" of ClusterRole \"secret-reader\" to Group \"manager\"",
        ),
        (
            user("x", &["manager"]),
            "list",
            "secrets",
            "",
            "RBAC: allowed by ClusterRoleBinding \"read-secrets-global\" of ClusterRole \"secret-reader\" to Group \"manager\"",
        ),
        (
            user("dave", &[]),
            "get",
            "secrets",
            "development",
            "RBAC: allowed by RoleBinding \"read-secrets/development\" of ClusterRole \"secret-reader\" to User \"dave\"",
        ),
        (user("dave", &[]), "get", "secrets", "production", ""),
        (user("dave", &[]), "get", "nodes", "", ""),
        (user("", &[""]), "get", "pods", "default", ""),
    ] {
        let decision = view.authorize(&user, &asked(verb, resource, namespace, ""));
        assert_eq!(decision.allowed, !expected.is_empty(), "{} {verb} {resource} {namespace}", user.username);
        assert_eq!(decision.reason, expected);
    }
    let lost = view.authorize(&user("lost", &[]), &asked("get", "pods", "default", ""));
    assert!(!lost.allowed);
    assert_eq!(
        lost.reason,
        "RBAC: [clusterrole.rbac.authorization.k8s.io \"gone\" not found, unsupported role reference kind: \"Role\"]"
    );
}

#[test]
fn only_aggregated_roles_with_other_rules_are_outdated() {
    let role = |name: &str, rules: Value, selectors: Value| {
        let mut role = json!({"metadata": {"name": name, "labels": {"part": name}}, "rules": rules});
        if !selectors.is_null() {
            role["aggregationRule"] = json!({"clusterRoleSelectors": selectors});
        }
        role
    };
    let pods = |verb: &str| json!({"apiGroups": [""], "resources": ["pods"], "verbs": [verb]});
    let both = json!([{"matchLabels": {"part": "a"}}, {"matchLabels": {"part": "b"}}]);
    let roles = [
        role("a", json!([pods("get")]), Value::Null),
        role("b", json!([pods("list")]), Value::Null),
        role("current", json!([pods("list"), pods("get")]), both.clone()),
        role("old", json!([pods("get"), pods("delete")]), both),
        role("empty", Value::Null, json!([])),
    ];
    assert_eq!(aggregation::outdated(&roles), [("old".to_owned(), json!([pods("get"), pods("list")]))]);
    // What is made at the start agrees with what is kept up later: otherwise both would write at every start.
    let made: Vec<Value> =
        crate::auth::bootstrap_objects().into_iter().filter(|o| o["kind"] == "ClusterRole").collect();
    assert!(made.iter().any(|r| !r["aggregationRule"].is_null()));
    assert_eq!(aggregation::outdated(&made), []);
}

#[test]
fn aggregation_follows_labels_and_survives_circles() {
    let labelled = |name: &str, labels: Value, resource: &str, selectors: Value| {
        let mut role = role("", name, &json!([{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}]));
        role["metadata"]["labels"] = labels;
        if !selectors.is_null() {
            role["aggregationRule"] = json!({"clusterRoleSelectors": selectors});
        }
        role
    };
    let label = |name: &str| json!({"matchLabels": {name: "true"}});
    let roles = [
        labelled("admin", json!({"to-edit": "true"}), "own-is-ignored", json!([label("to-admin")])),
        labelled("edit", json!({"to-admin": "true"}), "own-is-ignored", json!([label("to-edit")])),
        labelled("part", json!({"to-edit": "true"}), "pods", Value::Null),
        labelled("direct", json!({"to-admin": "true"}), "secrets", Value::Null),
        labelled("none", json!({"to-admin": "false"}), "nodes", Value::Null),
        labelled(
            "expr",
            json!({}),
            "x",
            json!([{"matchExpressions": [
            {"key": "to-admin", "operator": "In", "values": ["false"]}, {"key": "absent", "operator": "DoesNotExist"}]}]),
        ),
        labelled(
            "broken",
            json!({}),
            "x",
            json!([{"matchLabels": {"to-admin": 1}}, "rubbish", {"matchExpressions": [{"key": "a", "operator": "Eq"}]}]),
        ),
    ];
    let resolved = aggregation::resolve(&roles);
    let resources = |name: &str| {
        let mut all: Vec<String> = resolved[name].iter().flat_map(|r| r.resources.clone()).collect();
        all.sort();
        all
    };
    assert_eq!(resources("admin"), ["pods", "secrets"]);
    assert_eq!(resources("edit"), ["pods", "secrets"]);
    assert_eq!(resources("part"), ["pods"]);
    assert_eq!(resources("expr"), ["nodes"]);
    assert_eq!(resources("broken"), Vec::<String>::new(), "what cannot be read selects nothing");
}

#[test]
fn nobody_grants_what_they_lack() {
    let view = View::build(
        &[role(
            "",
            "ops",
            &json!([
                {"apiGroups": ["", "apps"], "resources": ["pods", "*/scale", "deployments"], "verbs": ["get", "list"]},
                {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a", "b"], "verbs": ["*"]},
                {"nonResourceURLs": ["/metrics*", "/healthz"], "verbs": ["get"]},
            ]),
        )],
        &[],
        &[binding("", "ops", "ClusterRole", "ops", &json!([{"kind": "User", "name": "jane"}]))],
        &[],
    );
    let jane = user("jane", &["dev", "system:authenticated"]);
    let attempt = |rules: Value| escalation::confirm_role(&view, &jane, "", &json!({"rules": rules}));
    for rules in [
        json!([]),
        json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
        json!([{"apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["list", "get"]}]),
        json!([{"apiGroups": ["apps"], "resources": ["statefulsets/scale"], "verbs": ["get"]}]),
        json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["b"], "verbs": ["delete"]}]),
        json!([{"nonResourceURLs": ["/metrics", "/metrics/x", "/metrics/*"], "verbs": ["get"]}]),
    ] {
        assert_eq!(attempt(rules.clone()), Ok(()), "{rules}");
    }
    let head = "user \"jane\" (groups=[\"dev\" \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n";
    for (rules, missing) in [
        (
            json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete", "create"]}]),
            "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\" \"create\"]}",
        ),
        (
            json!([{"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]}]),
            "{APIGroups:[\"*\"], Resources:[\"pods\"], Verbs:[\"get\"]}",
        ),
        (
            json!([{"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}]),
            "{APIGroups:[\"\"], Resources:[\"*\"], Verbs:[\"get\"]}",
        ),
        (
            json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]),
            "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"*\"]}",
        ),
        (
            json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]),
            "{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}",
        ),
        (
            json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a", "c"], "verbs": ["get"]}]),
            "{APIGroups:[\"\"], Resources:[\"secrets\"], ResourceNames:[\"c\"], Verbs:[\"get\"]}",
        ),
        (
            json!([{"nonResourceURLs": ["/healthz*"], "verbs": ["get"]}]),
            "{NonResourceURLs:[\"/healthz*\"], Verbs:[\"get\"]}",
        ),
        (json!([{"nonResourceURLs": ["*"], "verbs": ["get"]}]), "{NonResourceURLs:[\"*\"], Verbs:[\"get\"]}"),
    ] {
        assert_eq!(attempt(rules), Err(format!("{head}{missing}")));
    }
    let aggregating = json!({"aggregationRule": {"clusterRoleSelectors": [{}]}, "rules": []});
    let refused = escalation::confirm_role(&view, &jane, "", &aggregating);
    assert_eq!(refused, Err("must have cluster-admin privileges to use an aggregationRule".to_owned()));
}

/// Small vocabularies, so that rules and questions meet.
fn word(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(of).prop_map(str::to_owned)
}

fn words(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(word(of), 0..3)
}

const VERBS: &[&str] = &["get", "list", "*"];
const GROUPS: &[&str] = &["", "apps", "*"];
const RESOURCES: &[&str] = &["pods", "pods/log", "*/log", "*", "secrets"];
const NAMES: &[&str] = &["a", "b"];
const NAMESPACES: &[&str] = &["", "x", "y"];
const SUBJECTS: &[&str] = &["jane", "dave"];

fn any_rule() -> impl Strategy<Value = Value> {
    (words(VERBS), words(GROUPS), words(RESOURCES), words(NAMES))
        .prop_map(|(v, g, r, n)| json!({"verbs": v, "apiGroups": g, "resources": r, "resourceNames": n}))
}

proptest! {
    /// Allowed exactly when some rule that is bound to the user, and counts in the namespace, allows; in any order.
    #[test]
    fn the_decision_is_the_sum_of_bound_rules(
        roles in prop::collection::vec((word(NAMESPACES), prop::collection::vec(any_rule(), 0..3)), 0..5),
        bindings in prop::collection::vec((word(NAMESPACES), 0_usize..6, word(SUBJECTS), any::<bool>()), 0..6),
        question in (word(VERBS), word(GROUPS), word(RESOURCES), word(NAMESPACES), prop::option::of(word(NAMES))),
    ) {
        let (verb, group, resource, namespace, name) = question;
        let name = name.unwrap_or_default();
        let asked = Attributes { group: &group, ..asked(&verb, &resource, &namespace, &name) };
        let jane = user("jane", &["dave"]);
        let mut expected = false;
        let (mut cluster, mut local, mut wide_bindings, mut local_bindings) = (vec![], vec![], vec![], vec![]);
        for (i, (of, rules)) in roles.iter().enumerate() {
            let object = role(of, &format!("r{i}"), &json!(rules));
            if of.is_empty() { cluster.push(object) } else { local.push(object) }
        }
        for (i, (of, to, subject, as_group)) in bindings.iter().enumerate() {
            let Some((role_namespace, rules)) = roles.get(*to) else { continue };
            let kind = if role_namespace.is_empty() { "ClusterRole" } else { "Role" };
            let subjects = json!([{"kind": if *as_group { "Group" } else { "User" }, "name": subject}]);
            let object = binding(of, &format!("b{i}"), kind, &format!("r{to}"), &subjects);
            if of.is_empty() { wide_bindings.push(object) } else { local_bindings.push(object) }
            let reaches = role_namespace.is_empty() || role_namespace == of;
            let counts = of.is_empty() || *of == namespace;
            let is_jane = if *as_group { subject == "dave" } else { subject == "jane" };
            expected |= reaches && counts && is_jane && rules.iter().any(|r| Rule::from_json(r).allows(&asked));
        }
        let decide = |c: &[Value], l: &[Value], w: &[Value], b: &[Value]| View::build(c, l, w, b).authorize(&jane, &asked).allowed;
        prop_assert_eq!(decide(&cluster, &local, &wide_bindings, &local_bindings), expected);
        for list in [&mut cluster, &mut local, &mut wide_bindings, &mut local_bindings] {
            list.reverse();
        }
        prop_assert_eq!(decide(&cluster, &local, &wide_bindings, &local_bindings), expected);
        prop_assert!(!decide(&cluster, &local, &[], &[]), "no binding, no permission");
        prop_assert!(!decide(&[], &[], &wide_bindings, &local_bindings), "no rule, no permission");
    }

    /// Whoever may grant a rule could do everything that the rule allows.
    #[test]
    fn confirmed_grants_exceed_nothing(
        held in prop::collection::vec(any_rule(), 0..4),
        wanted in any_rule(),
        question in (word(&["get", "list"]), word(&["", "apps"]), word(&["pods", "pods/log", "secrets"]), word(NAMES)),
    ) {
        let view = View::build(
            &[role("", "r", &json!(held))], &[],
            &[binding("", "b", "ClusterRole", "r", &json!([{"kind": "User", "name": "jane"}]))], &[],
        );
        let jane = user("jane", &[]);
        let (verb, group, resource, name) = question;
        let asked = Attributes { group: &group, ..asked(&verb, &resource, "x", &name) };
        if escalation::confirm(&view, &jane, "", &[Rule::from_json(&wanted)]).is_ok() && Rule::from_json(&wanted).allows(&asked) {
            prop_assert!(view.authorize(&jane, &asked).allowed);
        }
        prop_assert_eq!(escalation::confirm(&view, &jane, "", &[]), Ok(()));
        let own: Vec<Rule> = held.iter().map(Rule::from_json).collect();
        prop_assert_eq!(escalation::confirm(&view, &jane, "", &own), Ok(()));
    }
}
