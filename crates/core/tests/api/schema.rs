//! The schema is one that API servers from 1.29 on install, and that `kubectl explain` can explain.

use crate::support::schema;
use kube_cel::{compile_schema, estimate_rule_cost};
use metalman_core::api::{API_VERSION, CRD_NAME, GROUP, VERSION, machine_crd};
use serde_json::Value;

/// Calls `visit` with each schema below this one, with its path.
fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{key}"), visit);
    }
    for (key, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            walk(&schema[key], &format!("{path}{suffix}"), visit);
        }
    }
}

#[test]
fn names_and_columns_are_those_of_the_contract() {
    let crd = machine_crd();
    assert_eq!(crd.metadata.name.as_deref(), Some(CRD_NAME));
    assert_eq!((crd.spec.group.as_str(), crd.spec.scope.as_str()), (GROUP, "Cluster"));
    assert_eq!(crd.spec.names.short_names.as_deref(), Some(["mach".to_owned()].as_slice()));
    let version = &crd.spec.versions[0];
    assert_eq!((version.name.as_str(), version.served, version.storage), (VERSION, true, true));
    assert_eq!(API_VERSION, format!("{GROUP}/{VERSION}"));
    assert!(version.subresources.as_ref().unwrap().status.is_some());
    let columns: Vec<(&str, bool)> = version
        .additional_printer_columns
        .iter()
        .flatten()
        .map(|column| (column.name.as_str(), column.priority.unwrap_or_default() > 0))
        .collect();
    let expected = [
        ("Phase", false),
        ("Host", false),
        ("Image", true),
        ("K8s Version", false),
        ("Power", false),
        ("Message", true),
        ("Age", false),
    ];
    assert_eq!(columns, expected);
}

#[test]
fn every_field_is_explained_and_typed() {
    walk(&schema(), "", &mut |path, schema| {
        assert!(schema["type"].is_string(), "{path} has no type");
        assert!(schema.get("nullable").is_none(), "{path} is nullable");
        let is_named = !path.is_empty() && !path.ends_with("[]") && !path.ends_with("{}");
        // Of metadata, the API server knows more.
        if is_named {
            let description = schema["description"].as_str().unwrap_or_default();
            assert!(description.len() >= 5, "{path} has no description");
        }
    });
}

#[test]
fn formats_are_those_that_api_servers_know() {
    walk(&schema(), "", &mut |path, schema| {
        if let Some(format) = schema["format"].as_str() {
            assert!(["int32", "int64", "date-time"].contains(&format), "{path}: {format}");
        }
    });
}

#[test]
fn rules_are_short_bounded_and_have_a_message_that_names_the_field() {
    let mut rules = 0;
    walk(&schema(), "", &mut |path, schema| {
        let compiled = compile_schema(schema);
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            rules += 1;
            let (text, message) = (rule["rule"].as_str().unwrap(), rule["message"].as_str().unwrap());
            // Functions of later libraries would keep the CRD off clusters of 1.29.
            for newer in ["ip(", "cidr(", "isIP(", "format.", "quantity(", "optional", "?.", "semver("] {
                assert!(!text.contains(newer), "{path}: {newer}");
            }
            assert_eq!(text.matches('\'').count() % 2, 0, "{path}: quotes");
            assert!(!text.contains('\\') || text.contains("r'"), "{path}: backslash outside a raw string");
            assert!(!message.contains('\n') && message.len() < 250, "{path}: {message}");
            let field = path.rsplit('.').next().unwrap().trim_end_matches("[]").trim_end_matches("{}");
            assert!(message.contains(field) || ["redfish", ""].contains(&field), "{path}: {message}");
            let warnings = estimate_rule_cost(text, &compiled);
            assert!(warnings.is_empty(), "{path}: {warnings:?}");
        }
    });
    assert!(rules >= 30, "only {rules} rules");
}

#[test]
fn whatever_a_rule_walks_is_bounded() {
    fn bounded(schema: &Value, path: &str) {
        match schema["type"].as_str() {
            Some("string") => assert!(schema["maxLength"].is_number() || schema["enum"].is_array(), "{path}"),
            Some("array") => assert!(schema["maxItems"].is_number(), "{path}"),
            Some("object") if schema["additionalProperties"].is_object() => {
                assert!(schema["maxProperties"].is_number(), "{path}");
            }
            _ => {}
        }
    }
    walk(&schema()["properties"]["spec"], "spec", &mut |path, schema| bounded(schema, path));
}

#[test]
fn a_foreign_part_is_kept() {
    let ssh = &schema()["properties"]["spec"]["properties"]["ssh"];
    for part in [ssh, &ssh["properties"]["privateKeyRef"], &ssh["properties"]["bastion"]] {
        assert_eq!(part["x-kubernetes-preserve-unknown-fields"], true);
    }
}

/// The worst case of a rule, as API servers estimate it: a string is as long as its `maxLength` allows in UTF-8, a regular
/// expression costs a quarter of its length per tenth of a byte, and all of it as often as lists and maps around it repeat.
fn estimated_cost(rule: &str, schema: &Value) -> f64 {
    let longest = schema["maxLength"].as_f64().unwrap_or(317.0) * 4.0;
    let regexes = rule.split(".matches(r'").skip(1).filter_map(|rest| rest.split_once("')"));
    let matching: f64 = regexes.map(|(regex, _)| (longest * 0.1).ceil() * (len(regex) * 0.25).ceil()).sum();
    let elements = schema["maxItems"].as_f64().or(schema["maxProperties"].as_f64()).unwrap_or(1.0);
    // A pair of walks over the list: each spelling is lowered, replaced and compared.
    let pairs = if rule.contains("exists_one") { elements * elements * 8.0 * 64.0 * 0.4 } else { 0.0 };
    elements * matching + pairs + 10.0
}

fn len(text: &str) -> f64 {
    f64::from(u32::try_from(text.len()).unwrap())
}

fn add_costs(schema: &Value, path: &str, repeats: f64, costs: &mut Vec<(String, f64)>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        costs.push((path.to_owned(), repeats * estimated_cost(rule["rule"].as_str().unwrap(), schema)));
    }
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        add_costs(property, &format!("{path}.{key}"), repeats, costs);
    }
    for (key, bound) in [("items", "maxItems"), ("additionalProperties", "maxProperties")] {
        if schema[key].is_object() {
            add_costs(&schema[key], &format!("{path}[]"), repeats * schema[bound].as_f64().unwrap_or(1e6), costs);
        }
    }
}

#[test]
fn rules_stay_far_below_what_makes_an_api_server_refuse_the_definition() {
    // The limits are 10,000,000 for a rule and 100,000,000 for all; the estimate here is rough, so keep a factor of five.
    let mut costs = Vec::new();
    add_costs(&schema(), "", 1.0, &mut costs);
    for (path, cost) in &costs {
        assert!(*cost < 2_000_000.0, "{path}: {cost}");
    }
    let total: f64 = costs.iter().map(|(_, cost)| cost).sum();
    assert!((100_000.0..20_000_000.0).contains(&total), "{total}");
}

#[test]
fn the_host_column_finds_nothing_but_addresses_and_hosts() {
    // The column descends into pxe and ssh; a field of that name elsewhere below them would show up in it.
    let mut found = Vec::new();
    walk(&schema()["properties"]["spec"], "spec", &mut |path, _| {
        let name = path.rsplit('.').next().unwrap();
        let is_below = path.starts_with("spec.pxe") || path.starts_with("spec.ssh");
        if is_below && ["ipv4", "host"].contains(&name) {
            found.push(path.to_owned());
        }
    });
    assert_eq!(found, ["spec.pxe.dhcpLeases[].ipv4", "spec.ssh.host"]);
}
