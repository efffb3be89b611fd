//! Ownership after a create, update or patch.

use serde_json::Value;

use super::{
    Writer,
    compare::{Difference, compare},
    entries::{Entry, Managers, Operation},
};
use crate::{object::metadata_mut, schema::SchemaRoot};

/// Records in `new` that `writer` (operation `Update`) owns what differs from `live` (`None` on create); managers of
/// changed or removed fields lose them. `new` arrives with `live`'s managedFields, or with those the client sent (an empty
/// list resets them).
///
/// An object without entries stays without: it is tracked again from its next apply. Entries that cannot be read count
/// as not sent, and writes to a subresource never change them by hand. Writes to `status` do not touch `spec`.
pub fn track_update(schema: &SchemaRoot, live: Option<&Value>, new: &mut Value, writer: Writer<'_>) {
    if !new.is_object() {
        return;
    }
    let sent = metadata_mut(new).remove("managedFields");
    let stored = live.and_then(|l| l.get("metadata")).and_then(|m| m.get("managedFields"));
    let source = source(sent, stored, writer.subresource.is_empty());
    if live.is_some() && source.is_empty() {
        return;
    }
    let except = (writer.subresource == "status").then_some("spec");
    let difference = compare(schema, live, new, except);
    let entries = match source {
        // Of an object that is made with nothing to own there is no list.
        Source::Stored(list) if difference.is_empty() => Some(list).filter(Value::is_array),
        Source::Stored(list) => record(Managers::trusted(list), difference, &writer).into_value(),
        Source::Sent(managers) => record(managers, difference, &writer).into_value(),
    };
    if let Some(entries) = entries {
        metadata_mut(new).insert("managedFields".into(), entries);
    }
}

/// The entries that an update starts from.
enum Source {
    /// As the server wrote them.
    Stored(Value),
    /// As a client wants them.
    Sent(Managers),
}

impl Source {
    fn is_empty(&self) -> bool {
        match self {
            Self::Stored(list) => list.as_array().is_none_or(Vec::is_empty),
            Self::Sent(managers) => managers.0.is_empty(),
        }
    }
}

fn source(sent: Option<Value>, stored: Option<&Value>, may_edit: bool) -> Source {
    if sent.is_some() && sent.as_ref() == stored {
        return Source::Stored(sent.unwrap_or_default());
    }
    if let (Some(sent), true) = (&sent, may_edit) {
        if is_reset(sent) {
            return Source::Sent(Managers::default());
        }
        match Managers::parse(sent) {
            Ok(managers) if !managers.0.is_empty() => return Source::Sent(managers),
            // Clients that do not know managedFields must not erase them by accident.
            _ => {}
        }
    }
    Source::Stored(stored.cloned().unwrap_or_default())
}

/// `[]`, or one entry with nothing in it.
fn is_reset(sent: &Value) -> bool {
    match sent.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([Value::Object(one)]) => one.is_empty(),
        _ => false,
    }
}

/// Moves what changed to `writer`.
pub(super) fn record(mut managers: Managers, difference: Difference, writer: &Writer<'_>) -> Managers {
    if difference.is_empty() {
        return managers;
    }
    let Difference { changed, removed } = difference;
    let mut mine = None;
    for (index, entry) in managers.0.iter_mut().enumerate() {
        if entry.is_of(writer, Operation::Update) {
            mine = Some(index);
        } else if entry.fields.meets(&changed) {
            entry.fields.subtract(&changed);
        }
        if entry.fields.meets(&removed) {
            entry.fields.subtract(&removed);
        }
    }
    if !changed.is_empty() {
        match mine.and_then(|index| managers.0.get_mut(index)) {
            Some(entry) => {
                entry.fields.union(&changed);
                entry.time = Some(writer.now.to_owned());
            }
            None => managers.0.push(Entry::of(writer, Operation::Update, changed)),
        }
    }
    managers.0.retain(|entry| !entry.fields.is_empty());
    managers.cap();
    managers
}
