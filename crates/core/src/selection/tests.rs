use super::*;
use crate::api::MachineSpec;

fn machine(site: Option<&str>) -> Machine {
    let mut machine = Machine::new("m", MachineSpec::default());
    machine.metadata.labels = site.map(|site| [(labels::SITE.to_owned(), site.to_owned())].into());
    machine
}

#[test]
fn a_machine_belongs_to_exactly_one_selection() {
    let selections = [None, Some("rack1"), Some("rack2")].map(|site| Selection::new(site).unwrap());
    for (owner, site) in [None, Some("rack1"), Some("rack2")].into_iter().enumerate() {
        let owned: Vec<bool> = selections.iter().map(|selection| selection.owns(&machine(site))).collect();
        assert_eq!(owned.iter().filter(|owns| **owns).count(), 1, "{site:?}");
        assert!(owned[owner]);
    }
}

#[test]
fn an_empty_label_is_a_label() {
    // `!key` selects objects without the key; one with an empty value has it.
    assert!(!Selection::NoSite.owns(&machine(Some(""))));
    assert!(!Selection::new(Some("rack1")).unwrap().owns(&machine(Some(""))));
}

#[test]
fn selectors_and_leases() {
    assert_eq!(Selection::NoSite.label_selector(), "!unbounded-cloud.io/site");
    assert_eq!(Selection::NoSite.lease_name(), "metalman");
    let rack = Selection::new(Some("Rack_1.a")).unwrap();
    assert_eq!(rack.label_selector(), "unbounded-cloud.io/site=Rack_1.a");
    assert_eq!(rack.lease_name(), "metalman-rack-1.a");
    assert_eq!(rack.to_string(), "site Rack_1.a");
}

#[test]
fn a_site_must_be_a_label_value() {
    for site in ["", "-a", "a-", "a b", "a/b", "ä", &"a".repeat(64)] {
        assert_eq!(Selection::new(Some(site)).unwrap_err().site, site);
    }
    assert!(Selection::new(Some(&"a".repeat(63))).is_ok());
}
