use super::*;
use serde_json::Value;
use std::collections::BTreeSet;

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

#[test]
fn every_file_reads_back_as_its_objects() {
    for file in files() {
        let objects: Vec<Value> = file.manifests.iter().map(|manifest| manifest.object.clone()).collect();
        assert_eq!(documents(&file.to_yaml()), objects, "{}", file.path);
    }
}

#[test]
fn comments_stand_where_they_belong() {
    let text = Manifest::new(json!({ "kind": "X", "rules": [{ "b": 1, "a": [] }, "no"], "empty": {} }))
        .comment("", "About it all.")
        .comment("/rules/0", "Why the first.")
        .comment("/rules/0/b", "Why b.")
        .to_yaml();
    assert_eq!(
        text,
        "# About it all.\nkind: X\nempty: {}\nrules:\n# Why the first.\n- a: []\n  # Why b.\n  b: 1\n- \"no\"\n"
    );
}

#[test]
fn every_comment_is_printed() {
    for manifest in files().into_iter().flat_map(|file| file.manifests) {
        let printed = manifest.to_yaml().replace("# ", "").split_whitespace().collect::<Vec<_>>().join(" ");
        for (pointer, text) in &manifest.comments {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(printed.contains(&words), "{pointer}: {text}");
        }
    }
}

#[test]
fn strings_that_yaml_would_misread_are_quoted() {
    for text in [
        "",
        "yes",
        "No",
        "null",
        "1",
        "1.5",
        "0x1f",
        "a: b",
        "- a",
        "#x",
        "a #b",
        "~",
        "*a",
        " a",
        "a ",
        "ü",
        "a\nb",
        ".5",
        "2024-01-01",
    ] {
        let yaml = Manifest::new(json!({ "v": text })).to_yaml();
        assert_eq!(documents(&yaml), [json!({ "v": text })], "{yaml}");
    }
    assert!(Manifest::new(json!({ "v": "yes" })).to_yaml().contains("\"yes\""));
}

/// Every (group, resource, verb) granted, with the namespace of the Role ("" for cluster-wide).
fn granted() -> BTreeSet<(String, String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = BTreeSet::new();
    for manifest in rbac("unbounded-kube") {
        let object = manifest.object;
        for rule in object["rules"].as_array().into_iter().flatten() {
            for group in rule["apiGroups"].as_array().unwrap() {
                for resource in rule["resources"].as_array().unwrap() {
                    for verb in rule["verbs"].as_array().unwrap() {
                        all.insert((text(&object["metadata"]["namespace"]), text(group), text(resource), text(verb)));
                    }
                }
            }
        }
    }
    all
}

#[test]
fn nothing_is_granted_by_wildcard_and_secrets_are_only_read_at_home() {
    let granted = granted();
    for (namespace, group, resource, verb) in &granted {
        assert!(![group, resource, verb].contains(&&"*".to_owned()), "{namespace}/{resource}");
    }
    let secrets: Vec<_> = granted.iter().filter(|(_, _, resource, _)| resource == "secrets").collect();
    assert_eq!(secrets.len(), 1);
    assert_eq!((secrets[0].0.as_str(), secrets[0].3.as_str()), ("unbounded-kube", "get"));
    assert!(
        !granted
            .iter()
            .any(|(_, _, resource, verb)| resource == "machines" && !["get", "list", "watch"].contains(&verb.as_str()))
    );
}

#[test]
fn every_binding_refers_to_a_role_that_ships_or_is_built_in() {
    let manifests = rbac("elsewhere");
    let of_kind = |kind: &str| manifests.iter().filter(|manifest| manifest.object["kind"] == kind).collect::<Vec<_>>();
    for binding in of_kind("RoleBinding").into_iter().chain(of_kind("ClusterRoleBinding")) {
        let reference = &binding.object["roleRef"];
        let ships = manifests.iter().any(|manifest| {
            manifest.object["kind"] == reference["kind"]
                && manifest.object["metadata"]["name"] == reference["name"]
                && manifest.object["metadata"]["namespace"] == binding.object["metadata"]["namespace"]
        });
        assert!(ships || reference["name"] == "system:node-bootstrapper", "{reference}");
    }
    let account = &of_kind("ServiceAccount")[0].object["metadata"];
    assert_eq!(
        (account["name"].as_str(), account["namespace"].as_str()),
        (Some("metalman-controller"), Some("elsewhere"))
    );
}

#[test]
fn a_deployment_selects_its_own_pods_and_names_its_site() {
    for site in [None, Some("Rack_1.a".to_owned())] {
        let options =
            DeploymentOptions { site: site.clone(), image: "r/metalman:1".into(), namespace: "elsewhere".into() };
        let object = deployment(&options).object;
        let selector = object["spec"]["selector"]["matchLabels"].as_object().unwrap();
        let labels = object["spec"]["template"]["metadata"]["labels"].as_object().unwrap();
        assert!(selector.iter().all(|(key, value)| labels.get(key) == Some(value)));
        let args = object["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
        assert_eq!(args.contains("--site=Rack_1.a"), site.is_some());
        let name = if site.is_some() { "metalman-rack-1-a" } else { "metalman" };
        assert_eq!(object["metadata"]["name"], name);
    }
}
