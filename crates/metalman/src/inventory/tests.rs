use std::{sync::Arc, time::Duration};

use metalman_core::{api::Machine, selection::Selection};
use tokio::time::timeout;

use super::SharedInventory;
use crate::watch::Change;

fn machine(name: &str) -> Machine {
    Machine::new(name, metalman_core::api::MachineSpec::default())
}

async fn names(changed: &super::Changed) -> Vec<String> {
    let names = timeout(Duration::from_secs(10), changed.take()).await.expect("something changed");
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn each_subscriber_gets_the_names_that_changed() {
    let inventory = SharedInventory::new(Selection::NoSite);
    inventory.take(Change::Replace(vec![machine("a"), machine("b")]));
    let (first, second) = (inventory.subscribe(), inventory.subscribe());
    inventory.take(Change::Apply(machine("b")));
    inventory.take(Change::Apply(machine("c")));
    assert_eq!(names(&first).await, ["b", "c"]);
    inventory.take(Change::Delete(machine("a")));
    assert_eq!(names(&first).await, ["a"], "gone is a change");
    assert_eq!(names(&second).await, ["a", "b", "c"], "gathered until taken");
    // After a broken watch everything is listed again, and anything may have changed.
    inventory.take(Change::Replace(vec![machine("b")]));
    assert_eq!(names(&first).await, ["b", "c"]);
}

#[tokio::test]
async fn a_subscriber_that_is_gone_is_forgotten() {
    let inventory = SharedInventory::new(Selection::NoSite);
    let subscriber = inventory.subscribe();
    let held = Arc::downgrade(&subscriber);
    drop(subscriber);
    inventory.take(Change::Apply(machine("a")));
    assert_eq!(held.strong_count(), 0);
    assert!(inventory.subscribers.lock().expect("not poisoned").is_empty());
}
