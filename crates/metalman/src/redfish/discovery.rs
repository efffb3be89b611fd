//! Which system is the Machine's: from the service root to the members of `Systems`, by links.

use serde_json::Value;

/// A link to another resource.
pub(super) fn link(value: Option<&Value>) -> Option<&str> {
    let value = value?;
    // `@odata.id` of an object; some services write a bare string.
    value.get("@odata.id").unwrap_or(value).as_str().filter(|link| !link.is_empty())
}

/// What the service root links to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Root {
    /// The collection of systems.
    pub(super) systems: Option<String>,
    /// The collection of sessions: sessions are made there.
    pub(super) sessions: Option<String>,
    /// Where that collection can be learned otherwise.
    pub(super) session_service: Option<String>,
}

impl Root {
    pub(super) fn of(body: &Value) -> Self {
        let owned = |value| link(value).map(str::to_owned);
        Self {
            systems: owned(body.get("Systems")),
            sessions: owned(body.pointer("/Links/Sessions")),
            session_service: owned(body.get("SessionService")),
        }
    }
}

/// A page of a collection: its members, and the next page.
pub(super) fn page(body: &Value) -> (Vec<String>, Option<String>) {
    let members = body.get("Members").and_then(Value::as_array).into_iter().flatten();
    let members = members.filter_map(|member| link(Some(member))).map(str::to_owned).collect();
    (members, link(body.get("Members@odata.nextLink")).map(str::to_owned))
}

/// The last part of a member's link: nearly always its `Id`.
pub(super) fn name(link: &str) -> &str {
    link.trim_end_matches('/').rsplit('/').next().unwrap_or(link)
}

/// What choosing came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice<'a> {
    /// That member.
    Member(&'a str),
    /// None by its link: the members' own `Id` may tell.
    AskIds,
    /// None, or more than one.
    None,
}

/// Chooses among the members' links. `wanted` is the Machine's deviceID.
pub(super) fn choose<'a>(wanted: Option<&str>, members: &'a [String]) -> Choice<'a> {
    let only = || match members {
        [member] => Choice::Member(member),
        _ => Choice::None,
    };
    let Some(wanted) = wanted else { return only() };
    let path = wanted.trim_end_matches('/');
    let named = members.iter().find(|member| name(member) == wanted || member.trim_end_matches('/') == path);
    match named {
        Some(member) => Choice::Member(member),
        None if members.is_empty() => Choice::None,
        // What people write who never looked: as good as no deviceID.
        None if wanted == "1" && members.len() == 1 => only(),
        None => Choice::AskIds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("/redfish/v1/Systems/{name}")).collect()
    }

    #[test]
    fn root_links() {
        let root = Root::of(&json!({
            "Systems": {"@odata.id": "/redfish/v1/Systems"},
            "Links": {"Sessions": {"@odata.id": "/redfish/v1/SessionService/Sessions"}},
        }));
        assert_eq!(root.systems.as_deref(), Some("/redfish/v1/Systems"));
        assert_eq!(root.sessions.as_deref(), Some("/redfish/v1/SessionService/Sessions"));
        assert_eq!(root.session_service, None);
        assert_eq!(Root::of(&Value::Null), Root::default());
    }

    #[test]
    fn pages() {
        let (found, next) =
            page(&json!({"Members": [{"@odata.id": "/a"}, {}, "/b"], "Members@odata.nextLink": "/next"}));
        assert_eq!((found, next), (vec!["/a".to_owned(), "/b".to_owned()], Some("/next".to_owned())));
        assert_eq!(page(&json!({"Members": 3})), (vec![], None));
    }

    #[test]
    fn choices() {
        let one = members(&["System.Embedded.1"]);
        let two = members(&["node1", "node2"]);
        let counted = members(&["1", "2"]);
        assert_eq!(choose(None, &one), Choice::Member(&one[0]));
        assert_eq!(choose(None, &two), Choice::None);
        assert_eq!(choose(None, &[]), Choice::None);
        assert_eq!(choose(Some("1"), &one), Choice::Member(&one[0]));
        assert_eq!(choose(Some("1"), &counted), Choice::Member(&counted[0]));
        assert_eq!(choose(Some("1"), &two), Choice::AskIds);
        assert_eq!(choose(Some("node2"), &two), Choice::Member(&two[1]));
        assert_eq!(choose(Some("/redfish/v1/Systems/node2/"), &two), Choice::Member(&two[1]));
        assert_eq!(choose(Some("node"), &two), Choice::AskIds);
        assert_eq!(choose(Some("2"), &one), Choice::AskIds);
    }

    #[test]
    fn names() {
        assert_eq!(name("/redfish/v1/Systems/1/"), "1");
        assert_eq!(name("x"), "x");
    }
}
