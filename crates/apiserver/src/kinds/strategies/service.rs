//! Service and Endpoints, as stored objects: nothing here routes.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use serde_json::{Value, json};

use crate::{
    field::FieldError,
    kinds::{
        Column, Strategy, WriteContext, cells,
        check::{self, Check, IMMUTABLE, join},
        names,
    },
    object,
};

pub(super) struct Service;

fn type_(object: &Value) -> &str {
    cells::text(object, "spec.type")
}

/// Addresses that may be given: 10.96.0.0/16, above the part where people choose their own and below the broadcast one.
const FIRST: u32 = u32::from_be_bytes([10, 96, 1, 0]);
const COUNT: u32 = 65_535 - 256;

/// A free address. The search begins where the Service's uid says, so that it is short and needs no allocation table.
fn free_address(uid: &str, taken: &BTreeSet<IpAddr>) -> Option<IpAddr> {
    // FNV-1a: stable over releases, which std's hashers do not promise.
    let hash = uid.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let address = |step: u32| IpAddr::from(Ipv4Addr::from(FIRST + (hash % COUNT + step) % COUNT));
    (0..COUNT).map(address).find(|a| !taken.contains(a))
}

fn taken(others: &[Value]) -> BTreeSet<IpAddr> {
    let of = |o: &Value| [vec![cells::text(o, "spec.clusterIP").to_owned()], super::strings_at(o, "spec.clusterIPs")];
    others.iter().flat_map(of).flatten().filter_map(|a| a.parse().ok()).collect()
}

impl Strategy for Service {
    fn default(&self, object: &mut Value) {
        if !cells::at(object, "spec").is_object() {
            return;
        }
        check::default(object, "spec.type", "ClusterIP");
        check::default(object, "spec.sessionAffinity", "None");
        if cells::text(object, "spec.sessionAffinity") == "ClientIP" {
            check::default(object, "spec.sessionAffinityConfig.clientIP.timeoutSeconds", 10_800);
        }
        for port in check::items_mut(object, "/spec/ports") {
            check::default(port, "protocol", "TCP");
            let target = &port["targetPort"];
            if (target.is_null() || *target == 0 || *target == "") && port.is_object() {
                port["targetPort"] = port["port"].clone();
            }
        }
        if type_(object) != "ExternalName" {
            check::default(object, "spec.internalTrafficPolicy", "Cluster");
        }
        if matches!(type_(object), "NodePort" | "LoadBalancer") {
            check::default(object, "spec.externalTrafficPolicy", "Cluster");
        }
        if type_(object) == "LoadBalancer" {
            check::default(object, "spec.allocateLoadBalancerNodePorts", true);
        }
    }
    fn prepare_create(&self, _ctx: &WriteContext<'_>, object: &mut Value) {
        object["status"] = json!({"loadBalancer": {}});
        if cells::text(object, "spec.clusterIP") == "None" && type_(object) != "ExternalName" {
            addresses(object);
        }
    }
    fn allocates(&self, object: &Value, old: Option<&Value>) -> bool {
        let addressed = |o: &Value| {
            cells::at(o, "spec").is_object() && type_(o) != "ExternalName" && cells::text(o, "spec.clusterIP") != "None"
        };
        addressed(object) && old.is_none_or(|old| !addressed(old) || cells::text(old, "spec.clusterIP").is_empty())
    }
    fn allocate(&self, object: &mut Value, others: &[Value]) -> Result<(), FieldError> {
        let taken = taken(others);
        let asked = cells::text(object, "spec.clusterIP").to_owned();
        let refuse = |why: String| Err(FieldError::invalid("spec.clusterIP", asked.as_str().into(), why));
        if asked.is_empty() {
            match free_address(object::uid(object), &taken) {
                Some(free) => object["spec"]["clusterIP"] = free.to_string().into(),
                None => return refuse("failed to allocate a serviceIP: range is full".to_owned()),
            }
        } else if asked.parse().is_ok_and(|a| taken.contains(&a)) {
            return refuse(format!("failed to allocate IP {asked}: provided IP is already allocated"));
        }
        addresses(object);
        Ok(())
    }
    fn prepare_update(&self, ctx: &WriteContext<'_>, object: &mut Value, old: &Value) {
        if ctx.subresource == "status" {
            return;
        }
        check::keep(object, old, "status");
        // An update without the address keeps it, as clients that replace from a manifest expect.
        let keeps = type_(object) != "ExternalName" && type_(old) != "ExternalName";
        if keeps && cells::text(object, "spec.clusterIP").is_empty() && cells::at(object, "spec").is_object() {
            let (spec, was) = (&mut object["spec"], &old["spec"]);
            for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                check::keep(spec, was, field);
            }
        } else if type_(object) != "ExternalName" && type_(old) == "ExternalName" {
            self.prepare_create(ctx, object);
        }
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut check = Check::default();
        check.one_of(object, "", "spec.type", &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
        check.one_of(object, "", "spec.sessionAffinity", &["ClientIP", "None"]);
        let ports = cells::list(object, "spec.ports");
        let address = cells::text(object, "spec.clusterIP");
        match type_(object) {
            "ExternalName" => match cells::text(object, "spec.externalName") {
                "" => check.required("spec.externalName", ""),
                name => check.rule("spec.externalName", name.trim_end_matches('.'), names::dns1123_subdomain),
            },
            _ if ports.is_empty() && address != "None" => check.required("spec.ports", ""),
            _ => {}
        }
        if !matches!(address, "" | "None") && address.parse::<IpAddr>().is_err() {
            check.invalid(
                "spec.clusterIPs[0]",
                address,
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            );
        }
        let mut seen = Vec::new();
        for (i, port) in ports.iter().enumerate() {
            service_port(&mut check, port, &format!("spec.ports[{i}]"), ports.len() > 1);
            let id = (&port["protocol"], &port["port"]);
            if seen.contains(&id) {
                check.duplicate(format!("spec.ports[{i}]"), port.clone());
            }
            seen.push(id);
        }
        if let Some(old) = old {
            let was = cells::text(old, "spec.clusterIP");
            if !was.is_empty() && type_(old) != "ExternalName" && type_(object) != "ExternalName" && was != address {
                check.invalid("spec.clusterIP", address, IMMUTABLE);
            }
        }
        check.errors
    }
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1035_label(name)
    }
    fn selectable_fields(&self) -> Vec<String> {
        vec!["spec.clusterIP".into(), "spec.type".into()]
    }
    fn selectable_field(&self, object: &Value, path: &str) -> Option<String> {
        matches!(path, "spec.clusterIP" | "spec.type").then(|| cells::text(object, path).to_owned())
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[
            ("Type", "string", 0, "How the service is exposed."),
            ("Cluster-IP", "string", 0, "Its address inside the cluster."),
            ("External-IP", "string", 0, "Its addresses outside of the cluster."),
            ("Port(s)", "string", 0, "Its ports."),
            cells::AGE,
            ("Selector", "string", 1, "Which pods serve it."),
        ])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        vec![
            cells::name(object),
            type_(object).into(),
            cells::or_none(cells::text(object, "spec.clusterIP")).into(),
            external(object).into(),
            cells::or_none(ports(object)).into(),
            cells::age(object, now),
            cells::labels(cells::at(object, "spec.selector")).into(),
        ]
    }
}

fn service_port(check: &mut Check, port: &Value, at: &str, named: bool) {
    let name = cells::text(port, "name");
    if named && name.is_empty() {
        check.required(join(at, "name"), "");
    } else if !name.is_empty() {
        check.rule(join(at, "name"), name, names::dns1123_label);
    }
    super::pod_spec::port_number(check, &port["port"], &join(at, "port"));
    check.one_of(port, at, "protocol", &["SCTP", "TCP", "UDP"]);
    match &port["targetPort"] {
        Value::String(s) => check.rule(join(at, "targetPort"), s, names::port_name),
        Value::Null => {}
        number => super::pod_spec::port_number(check, number, &join(at, "targetPort")),
    }
}

fn addresses(object: &mut Value) {
    let address = cells::text(object, "spec.clusterIP").to_owned();
    check::default(object, "spec.clusterIPs", json!([address]));
    let family = if address.contains(':') { "IPv6" } else { "IPv4" };
    check::default(object, "spec.ipFamilies", json!([family]));
    check::default(object, "spec.ipFamilyPolicy", "SingleStack");
}

fn external(object: &Value) -> String {
    let given = super::strings_at(object, "spec.externalIPs");
    match type_(object) {
        "ExternalName" => cells::text(object, "spec.externalName").to_owned(),
        "LoadBalancer" => {
            let ingress = cells::list(object, "status.loadBalancer.ingress").iter();
            let mut all: Vec<String> = ingress
                .map(|i| [cells::text(i, "ip"), cells::text(i, "hostname")].concat())
                .filter(|s| !s.is_empty())
                .collect();
            all.extend(given);
            if all.is_empty() { "<pending>".into() } else { all.join(",") }
        }
        _ => cells::or_none(given.join(",")),
    }
}

fn ports(object: &Value) -> String {
    let show = |p: &Value| {
        let (port, node, protocol) = (cells::int(p, "port"), cells::int(p, "nodePort"), cells::text(p, "protocol"));
        if node > 0 { format!("{port}:{node}/{protocol}") } else { format!("{port}/{protocol}") }
    };
    cells::list(object, "spec.ports").iter().map(show).collect::<Vec<_>>().join(",")
}

pub(super) struct Endpoints;

impl Strategy for Endpoints {
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[("Endpoints", "string", 0, "Addresses and ports behind the service."), cells::AGE])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        let mut all = Vec::new();
        for subset in cells::list(object, "subsets") {
            for address in cells::list(subset, "addresses") {
                let ip = cells::text(address, "ip");
                let ports = cells::list(subset, "ports");
                all.extend(ports.iter().map(|p| format!("{ip}:{}", cells::int(p, "port"))));
                if ports.is_empty() {
                    all.push(ip.to_owned());
                }
            }
        }
        // More than three would push the other columns off the screen.
        let more = all.len().saturating_sub(3);
        all.truncate(3);
        let text = cells::or_none(all.join(","));
        let text = if more > 0 { format!("{text} + {more} more...") } else { text };
        vec![cells::name(object), text.into(), cells::age(object, now)]
    }
}
