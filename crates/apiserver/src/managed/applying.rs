//! Server-side apply.

use serde_json::{Map, Value, json};

use super::{
    Writer,
    compare::{Difference, compare},
    conflict::{Conflict, refusal},
    entries::{Entry, Managers, Operation},
    field_set::FieldSet,
    last_applied,
    merge::{check, merge},
    reconcile::reconcile,
    remove::remove,
    shape::{IDENTITY, fields_of, with_struct_parents},
    update::record,
};
use crate::{error::ApiError, object::metadata_mut, schema::SchemaRoot};

/// Owns what an object held before anybody applied to it.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";
/// Metadata that only the server writes: what a configuration says of it is not merged. `uid` and `resourceVersion` are
/// merged, because there they are preconditions.
const SERVER_WRITTEN: [&str; 5] =
    ["creationTimestamp", "generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"];

/// Server-side apply: merges `config` into `live`, removes what `writer` owned alone and no longer applies, records
/// ownership. Conflicts are 409 with a cause per field and manager unless `force`. `live: None` creates.
///
/// Applying the same configuration again returns an object equal to `live`, times included. Applied to `status`, only
/// the configuration's status counts; for the main resource of kinds with a status subresource the caller takes
/// `status` out of `config` first.
pub fn apply(
    schema: &SchemaRoot,
    live: Option<&Value>,
    config: Value,
    writer: Writer<'_>,
    force: bool,
) -> Result<Value, ApiError> {
    let config = admitted(config, &writer)?;
    check(schema, &config).map_err(|why| {
        let kind = config.get("kind").and_then(Value::as_str).unwrap_or("object");
        let name = crate::object::name(&config);
        ApiError::bad_request(format!("failed to create typed patch object ({kind} {name:?}): {why}"))
    })?;
    let (base, mut managers) = tracked(schema, live, &writer);

    let applied = fields_of(schema, &config);
    let last = take(&mut managers, &writer);
    let mut merged = merge(schema, &base, &config);
    if let Some(last) = &last {
        drop_unapplied(schema, &mut merged, &last.fields, &applied, &managers);
    }
    let difference = compare(schema, Some(&base), &merged, None);
    resolve_conflicts(schema, live, &managers, &difference, &writer, force)?;
    for entry in &mut managers.0 {
        entry.fields.subtract(&difference.changed);
        entry.fields.subtract(&difference.removed);
    }
    if writer.manager == last_applied::MANAGER {
        last_applied::refresh(&mut merged, &config);
    }
    let mut entry = Entry::of(&writer, Operation::Apply, applied);
    if let Some(last) = last {
        // Nothing new: keep the time, so that the caller sees an identical object.
        if merged == base && last.fields == entry.fields && last.api_version == entry.api_version {
            entry.time = last.time;
        }
    }
    managers.0.push(entry);
    if let Some(list) = managers.into_value() {
        metadata_mut(&mut merged).insert("managedFields".into(), list);
    }
    Ok(merged)
}

/// The configuration as far as it may be merged.
fn admitted(config: Value, writer: &Writer<'_>) -> Result<Value, ApiError> {
    let Value::Object(mut config) = config else {
        return Err(ApiError::bad_request("an apply configuration must be an object"));
    };
    if let Some(Value::String(version)) = config.get("apiVersion")
        && version != writer.api_version
    {
        return Err(ApiError::bad_request(format!(
            "Incorrect version specified in apply patch. Specified patch version: {version}, expected: {}",
            writer.api_version
        )));
    }
    match config.get_mut("metadata") {
        Some(Value::Object(metadata)) => {
            if metadata.remove("managedFields").is_some_and(|m| !m.is_null()) {
                return Err(ApiError::bad_request("metadata.managedFields must be nil"));
            }
            for name in SERVER_WRITTEN {
                metadata.remove(name);
            }
            // The zero value, as some encoders write it.
            metadata.retain(|name, value| !(value.is_null() && matches!(name.as_str(), "uid" | "resourceVersion")));
        }
        None => {}
        Some(Value::Null) => {
            config.remove("metadata");
        }
        Some(_) => return Err(ApiError::bad_request("metadata must be an object")),
    }
    if writer.subresource == "status" {
        let metadata = config.remove("metadata").map(|m| {
            let kept = ["name", "namespace", "uid", "resourceVersion"];
            let kept: Map<_, _> = kept.iter().filter_map(|k| Some(((*k).to_owned(), m.get(k)?.clone()))).collect();
            Value::Object(kept)
        });
        config.retain(|name, _| name == "status" || IDENTITY.contains(&name.as_str()));
        if let Some(metadata) = metadata {
            config.insert("metadata".into(), metadata);
        }
    }
    Ok(Value::Object(config))
}

/// The live object without its entries, and the entries. What was there before tracking began is given to a manager of
/// its own, so that it is neither free to take nor lost.
fn tracked(schema: &SchemaRoot, live: Option<&Value>, writer: &Writer<'_>) -> (Value, Managers) {
    let Some(live) = live else { return (json!({}), Managers::default()) };
    let mut base = if live.is_object() { live.clone() } else { json!({}) };
    let stored = match base.get_mut("metadata") {
        Some(Value::Object(metadata)) => metadata.remove("managedFields"),
        _ => None,
    };
    let mut managers = Managers::trusted(stored.unwrap_or_default());
    for entry in &mut managers.0 {
        reconcile(schema, &mut entry.fields);
    }
    if managers.0.is_empty() {
        let before = Writer { manager: BEFORE_FIRST_APPLY, ..*writer };
        managers = record(managers, compare(schema, None, &base, None), &before);
    }
    (base, managers)
}

/// Takes the previous entry of this applier out.
fn take(managers: &mut Managers, writer: &Writer<'_>) -> Option<Entry> {
    let at = managers.0.iter().position(|e| e.is_of(writer, Operation::Apply))?;
    Some(managers.0.remove(at))
}

/// Removes from `merged` the fields that this applier applied last time, does not apply now, and nobody else owns.
fn drop_unapplied(schema: &SchemaRoot, merged: &mut Value, last: &FieldSet, applied: &FieldSet, others: &Managers) {
    let last = with_struct_parents(schema, last);
    let mut gone = last.clone();
    gone.subtract(&with_struct_parents(schema, applied));
    if gone.is_empty() {
        return;
    }
    let fields = |object: &Value| with_struct_parents(schema, &fields_of(schema, object));
    let all = fields(merged);

    // Everything that was applied last time, with all below it, except what somebody owns …
    let mut without_last = merged.clone();
    remove(schema, &mut without_last, &last);
    let mut owned = applied.clone();
    for entry in &others.0 {
        owned.union(&entry.fields);
    }
    let mut unowned = all.clone();
    unowned.subtract(&fields(&without_last));
    unowned.subtract(&with_struct_parents(schema, &owned));
    let mut without_unowned = merged.clone();
    remove(schema, &mut without_unowned, &unowned);

    // … and of that only what this applier really owned: fields that nobody owns stay where they are.
    let mut mine = all;
    mine.subtract(&fields(&without_unowned));
    remove(schema, merged, &mine.intersection(&last));
}

fn resolve_conflicts(
    schema: &SchemaRoot,
    live: Option<&Value>,
    managers: &Managers,
    difference: &Difference,
    writer: &Writer<'_>,
    force: bool,
) -> Result<(), ApiError> {
    if force {
        return Ok(());
    }
    let mut conflicts: Vec<Conflict<'_>> = managers
        .0
        .iter()
        .map(|entry| Conflict { entry, fields: entry.fields.intersection(&difference.changed) })
        .filter(|conflict| !conflict.fields.is_empty())
        .collect();
    if conflicts.is_empty() {
        return Ok(());
    }
    if writer.manager == last_applied::MANAGER {
        let allowed = live.and_then(|live| last_applied::still_as_applied(schema, live, writer.api_version));
        if let Some(allowed) = allowed {
            for conflict in &mut conflicts {
                conflict.fields.subtract(&allowed);
            }
            conflicts.retain(|conflict| !conflict.fields.is_empty());
        }
    }
    if conflicts.is_empty() { Ok(()) } else { Err(refusal(conflicts)) }
}
