use super::graph::Graph;
use super::rules::{RESTRICTED, banned_everywhere, edges, forbidden, licences, permits};
use serde_json::{Value, json};

/// Metadata of a made-up workspace: `(name, dependencies)`, a dependency in tests being `dev:name`; and other packages
/// with their licences.
fn graph(members: &[(&str, &[&str])], others: &[(&str, Option<&str>)]) -> Graph {
    let mut packages: Vec<Value> = members
        .iter()
        .map(|(name, dependencies)| {
            let dependencies: Vec<Value> = dependencies
                .iter()
                .map(|dependency| match dependency.strip_prefix("dev:") {
                    Some(name) => json!({ "name": name, "kind": "dev" }),
                    None => json!({ "name": dependency, "kind": null }),
                })
                .collect();
            json!({ "name": name, "id": format!("path+{name}"), "license": "Apache-2.0", "dependencies": dependencies })
        })
        .collect();
    packages.extend(others.iter().map(
        |(name, licence)| json!({ "name": name, "id": format!("registry+{name}"), "license": licence, "dependencies": [] }),
    ));
    let ids: Vec<String> = members.iter().map(|(name, _)| format!("path+{name}")).collect();
    Graph::read(&json!({ "packages": packages, "workspace_members": ids })).unwrap()
}

#[test]
fn the_drawn_edges_pass() {
    let graph = graph(
        &[
            ("gotemplate", &["serde"]),
            ("metalman-wire", &[]),
            ("metalman-core", &["metalman-wire", "gotemplate", "serde"]),
            ("apiserver", &["tokio", "dev:kube"]),
            ("metalman", &["metalman-core", "metalman-wire", "apiserver", "dev:apiserver"]),
            ("metalman-agent", &["metalman-wire"]),
            ("rack", &["metalman", "metalman-core", "metalman-wire", "apiserver"]),
            ("xtask", &["metalman-core"]),
        ],
        &[("serde", Some("MIT OR Apache-2.0")), ("tokio", Some("MIT"))],
    );
    assert_eq!(edges(&graph), [""; 0]);
    assert_eq!(licences(&graph), [""; 0]);
}

#[test]
fn an_edge_that_is_not_drawn_is_named() {
    let graph = graph(
        &[
            ("metalman-core", &["apiserver"]),
            ("apiserver", &["dev:metalman-core"]),
            ("metalman-agent", &["metalman-core"]),
            ("metalman", &["rack"]),
            ("rack", &[]),
            ("newcomer", &[]),
        ],
        &[],
    );
    let found = edges(&graph);
    let expected = [
        "apiserver depends on metalman-core in its tests: DESIGN.md draws no such edge",
        "metalman depends on rack: DESIGN.md draws no such edge",
        "metalman-agent depends on metalman-core: DESIGN.md draws no such edge",
        "metalman-core depends on apiserver: DESIGN.md draws no such edge",
        "newcomer: a crate without a place; draw it in DESIGN.md and add it to the rules",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_runtime_in_a_pure_crate_is_named() {
    let linked = ["metalman-core", "serde", "tokio", "kube-core"].map(str::to_owned);
    for restriction in RESTRICTED {
        let found = forbidden(restriction, &linked);
        assert!(found.iter().any(|violation| violation.contains("pulls in tokio")), "{}", restriction.package);
        assert_eq!(
            found.iter().any(|violation| violation.contains("kube-core")),
            restriction.package == "metalman-agent"
        );
    }
    assert!(RESTRICTED.iter().all(|restriction| forbidden(restriction, &["serde".to_owned()]).is_empty()));
    let names: Vec<&str> = RESTRICTED.iter().map(|restriction| restriction.package).collect();
    assert_eq!(names, ["gotemplate", "metalman-wire", "metalman-core", "metalman-agent"]);
}

#[test]
fn banned_packages_are_found_wherever_they_hide() {
    let found = banned_everywhere(&["serde", "ring", "rustls"].map(str::to_owned));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("ring is banned"));
}

#[test]
fn licences_must_be_permissive_and_stated() {
    let graph =
        graph(&[], &[("a", Some("GPL-3.0-only")), ("b", None), ("c", Some("MIT")), ("d", Some("MIT/Apache-2.0"))]);
    assert_eq!(licences(&graph), ["a: licence GPL-3.0-only is not allowed", "b: licence (none stated) is not allowed"]);
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    for expression in [
        "MIT",
        "MIT OR GPL-2.0-only",
        "LGPL-2.1-or-later OR Apache-2.0",
        "Apache-2.0 WITH LLVM-exception OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "ISC AND (Apache-2.0 OR ISC)",
        "MIT/Apache-2.0",
    ] {
        assert!(permits(expression), "{expression}");
    }
    for expression in [
        "",
        "GPL-3.0-only",
        "MIT AND GPL-2.0-only",
        "(MIT OR GPL-2.0-only) AND MPL-2.0",
        "Apache-2.0 WITH Unknown-exception",
        "(MIT",
        "MIT OR",
        "MIT Apache-2.0",
    ] {
        assert!(!permits(expression), "{expression}");
    }
}

#[test]
fn this_repository_keeps_the_rules() {
    super::run(&crate::root()).unwrap();
}
