//! The built-in kinds, driven through the registry as request handling drives them.

mod columns;
mod defaults;
mod rules;

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::{
    auth::UserInfo,
    kinds::{Registry, Resource, WriteContext},
};

const NOW: &str = "2026-01-01T00:00:00Z";
static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// `""` or a group, and a plural.
fn resource(group: &str, plural: &str) -> Arc<Resource> {
    REGISTRY.get(group, "v1", plural).unwrap_or_else(|| panic!("{plural}.{group}"))
}

fn user() -> UserInfo {
    UserInfo {
        username: "jane".into(),
        uid: "u7".into(),
        groups: vec!["system:authenticated".into()],
        extra: [("a".to_owned(), vec!["b".to_owned()])].into(),
    }
}

fn context<'a>(user: &'a UserInfo, subresource: &'a str) -> WriteContext<'a> {
    WriteContext { user, subresource, now: NOW }
}

/// What a create stores, and the errors it meets.
fn create(r: &Resource, mut object: Value) -> (Value, Vec<String>) {
    let user = user();
    let ctx = context(&user, "");
    r.strategy.default(&mut object);
    r.strategy.prepare_create(&ctx, &mut object);
    if r.strategy.allocates(&object, None) {
        r.strategy.allocate(&mut object, &[]).unwrap();
    }
    let errors = r.strategy.validate(&ctx, &object, None).iter().map(ToString::to_string).collect();
    (object, errors)
}

/// The same of an update through a subresource.
fn update(r: &Resource, subresource: &str, old: &Value, change: impl FnOnce(&mut Value)) -> (Value, Vec<String>) {
    let user = user();
    let ctx = context(&user, subresource);
    let mut object = old.clone();
    change(&mut object);
    r.strategy.default(&mut object);
    r.strategy.prepare_update(&ctx, &mut object, old);
    if r.strategy.allocates(&object, Some(old)) {
        r.strategy.allocate(&mut object, &[]).unwrap();
    }
    let errors = r.strategy.validate(&ctx, &object, Some(old)).iter().map(ToString::to_string).collect();
    (object, errors)
}
