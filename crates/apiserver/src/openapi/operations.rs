//! Paths and operations.

use serde_json::{Map, Value, json};

use super::{
    group_version_path,
    schemas::{Dialect, definition_of, list_definition, meta},
};
use crate::kinds::{Resource, Serves};

/// A query parameter: name, type, description.
type Query = (&'static str, &'static str, &'static str);

const PRETTY: Query = ("pretty", "string", "If 'true', then the output is pretty printed.");
const DRY_RUN: Query = (
    "dryRun",
    "string",
    "When present, indicates that modifications should not be persisted. Valid values are: - All: all dry run stages will \
     be processed",
);
const FIELD_MANAGER: Query = (
    "fieldManager",
    "string",
    "fieldManager is a name associated with the actor or entity that is making these changes. It is required for apply \
     requests.",
);
const FIELD_VALIDATION: Query = (
    "fieldValidation",
    "string",
    "fieldValidation instructs the server on how to handle objects in the request containing unknown or duplicate \
     fields. Valid values are: Ignore, Warn, Strict.",
);
const FORCE: Query = (
    "force",
    "boolean",
    "Force is going to \"force\" Apply requests. It means user will re-acquire conflicting fields owned by other people.",
);
const LIST: [Query; 10] = [
    ("allowWatchBookmarks", "boolean", "allowWatchBookmarks requests watch events with type \"BOOKMARK\"."),
    ("continue", "string", "The continue option should be set when retrieving more results from the server."),
    ("fieldSelector", "string", "A selector to restrict the list of returned objects by their fields."),
    ("labelSelector", "string", "A selector to restrict the list of returned objects by their labels."),
    ("limit", "integer", "limit is a maximum number of responses to return for a list call."),
    (
        "resourceVersion",
        "string",
        "resourceVersion sets a constraint on what resource versions a request may be served from.",
    ),
    ("resourceVersionMatch", "string", "resourceVersionMatch determines how resourceVersion is applied to list calls."),
    ("sendInitialEvents", "boolean", "sendInitialEvents=true may be set together with watch=true."),
    ("timeoutSeconds", "integer", "Timeout for the list/watch call."),
    ("watch", "boolean", "Watch for changes to the described resources."),
];
const DELETE: [Query; 4] = [
    DRY_RUN,
    ("gracePeriodSeconds", "integer", "The duration in seconds before the object should be deleted."),
    ("orphanDependents", "boolean", "Deprecated: please use the PropagationPolicy."),
    ("propagationPolicy", "string", "Whether and how garbage collection will be performed."),
];

const TYPES: [&str; 2] = ["application/json", "application/yaml"];
/// Patches of a custom resource. A client takes the first it prefers, and there is no strategic merge for these.
const CUSTOM_PATCH_TYPES: [&str; 3] =
    ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];
const PATCH_TYPES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// What a request carries.
enum Body {
    None,
    /// An object of a definition.
    Object(String),
    /// A patch.
    Patch,
    /// `DeleteOptions`, which may be left out.
    DeleteOptions,
}

struct Operation<'r> {
    resource: &'r Resource,
    /// Group, version and kind it acts on.
    kind: (&'r str, &'r str, &'r str),
    /// `x-kubernetes-action`.
    action: &'static str,
    /// Middle of the operation's id: `NamespacedPodStatus`.
    subject: String,
    description: String,
    query: Vec<Query>,
    body: Body,
    /// Definition of the answer.
    answer: String,
    created: bool,
}

/// Adds the paths of a resource.
pub(super) fn paths(resource: &Resource, dialect: Dialect, out: &mut Map<String, Value>) {
    let base = format!("/{}", group_version_path(&resource.group, &resource.version));
    let plural = &resource.plural;
    let scope = if resource.namespaced { format!("{base}/namespaces/{{namespace}}") } else { base.clone() };
    let collection = format!("{scope}/{plural}");
    let item = format!("{collection}/{{name}}");
    let own = (resource.group.as_str(), resource.version.as_str(), resource.kind.as_str());
    let subject = format!("{}{}", if resource.namespaced { "Namespaced" } else { "" }, resource.kind);
    let kind = &resource.kind;
    let definition = || resource.definition.clone();
    let new = |action, description: String, query, body, answer| Operation {
        resource,
        kind: own,
        action,
        subject: subject.clone(),
        description,
        query,
        body,
        answer,
        created: action == "post",
    };
    let written = vec![DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];
    let create = new("post", format!("create a {kind}"), written.clone(), Body::Object(definition()), definition());
    let mut at = |path: &str, operations: Vec<(&'static str, Operation<'_>)>| {
        let entry = out.entry(path.to_owned()).or_insert_with(|| path_item(path, dialect));
        for (method, operation) in operations {
            entry[method] = operation.published(dialect);
        }
    };
    if resource.serves == Serves::Review {
        at(&collection, vec![("post", create)]);
        return;
    }
    let listed = |what: &str| {
        new("list", format!("list {what}objects of kind {kind}"), LIST.to_vec(), Body::None, list_definition(resource))
    };
    let mut delete_many = LIST.to_vec();
    delete_many.extend(DELETE);
    let collection_operations = vec![
        ("get", listed("or watch ")),
        ("post", create),
        (
            "delete",
            new(
                "deletecollection",
                format!("delete collection of {kind}"),
                delete_many,
                Body::DeleteOptions,
                meta("Status"),
            ),
        ),
    ];
    at(&collection, collection_operations);
    if resource.namespaced {
        let mut everywhere = listed("or watch ");
        everywhere.subject = format!("{kind}ForAllNamespaces");
        at(&format!("{base}/{plural}"), vec![("get", everywhere)]);
    }
    let mut patched = written.clone();
    patched.push(FORCE);
    let item_operations = vec![
        ("get", new("get", format!("read the specified {kind}"), vec![], Body::None, definition())),
        (
            "put",
            new(
                "put",
                format!("replace the specified {kind}"),
                written.clone(),
                Body::Object(definition()),
                definition(),
            ),
        ),
        (
            "patch",
            new("patch", format!("partially update the specified {kind}"), patched.clone(), Body::Patch, definition()),
        ),
        ("delete", new("delete", format!("delete a {kind}"), DELETE.to_vec(), Body::DeleteOptions, meta("Status"))),
    ];
    at(&item, item_operations);

    for sub in &resource.subresources {
        let path = format!("{item}/{}", sub.name);
        let (kind_of, answer) = match &sub.kind {
            Some((group, version, kind)) => (
                (group.as_str(), version.as_str(), kind.as_str()),
                definition_of(group, version, kind).unwrap_or_else(|| meta("Status")),
            ),
            None => (own, definition()),
        };
        let operation = |action: &'static str, verb: &str, query, body| {
            let mut operation =
                new(action, format!("{verb} {} of the specified {kind}", sub.name), query, body, answer.clone());
            operation.kind = kind_of;
            operation.subject = format!("{subject}{}", capitalised(&sub.name));
            operation
        };
        let mut operations = Vec::new();
        for verb in &sub.verbs {
            match *verb {
                "get" => operations.push(("get", operation("get", "read", vec![], Body::None))),
                "create" => {
                    operations
                        .push(("post", operation("post", "create", written.clone(), Body::Object(answer.clone()))));
                }
                "update" => {
                    operations
                        .push(("put", operation("put", "replace", written.clone(), Body::Object(answer.clone()))));
                }
                "patch" => {
                    operations.push(("patch", operation("patch", "partially update", patched.clone(), Body::Patch)));
                }
                _ => {}
            }
        }
        at(&path, operations);
    }
}

/// The parameters that all operations of a path share.
fn path_item(path: &str, dialect: Dialect) -> Value {
    let mut parameters = Vec::new();
    for (name, text) in
        [("name", "name of the object"), ("namespace", "object name and auth scope, such as for teams and projects")]
    {
        if path.contains(&format!("{{{name}}}")) {
            let mut parameter =
                json!({"name": name, "in": "path", "required": true, "description": text, "uniqueItems": true});
            typed(&mut parameter, "string", dialect);
            parameters.push(parameter);
        }
    }
    parameters.push(query_parameter(&PRETTY, dialect));
    json!({"parameters": parameters})
}

fn query_parameter((name, type_, description): &Query, dialect: Dialect) -> Value {
    let mut parameter = json!({"name": name, "in": "query", "description": description, "uniqueItems": true});
    typed(&mut parameter, type_, dialect);
    parameter
}

fn typed(parameter: &mut Value, type_: &str, dialect: Dialect) {
    match dialect {
        Dialect::V2 => parameter["type"] = type_.into(),
        Dialect::V3 => {
            parameter["schema"] = json!({"type": type_, "uniqueItems": true});
            if let Some(parameter) = parameter.as_object_mut() {
                parameter.remove("uniqueItems");
            }
        }
    }
}

impl Operation<'_> {
    fn published(&self, dialect: Dialect) -> Value {
        let (group, version, kind) = self.kind;
        let mut parameters: Vec<Value> = self.query.iter().map(|q| query_parameter(q, dialect)).collect();
        let mut operation = json!({
            "description": self.description,
            "operationId": self.id(),
            "tags": [self.tag()],
            "x-kubernetes-action": self.action,
            "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
        });
        let body = match &self.body {
            Body::None => None,
            Body::Object(definition) => Some((dialect.reference(definition), true, &TYPES[..])),
            Body::Patch if self.resource.custom => {
                Some((dialect.reference(&meta("Patch")), true, &CUSTOM_PATCH_TYPES[..]))
            }
            Body::Patch => Some((dialect.reference(&meta("Patch")), true, &PATCH_TYPES[..])),
            Body::DeleteOptions => Some((dialect.reference(&meta("DeleteOptions")), false, &TYPES[..])),
        };
        match dialect {
            Dialect::V2 => {
                operation["schemes"] = json!(["https"]);
                operation["produces"] = json!(TYPES);
                operation["consumes"] = json!(body.as_ref().map_or(&["*/*"][..], |(.., types)| types));
                if let Some((schema, required, _)) = body {
                    let mut parameter = json!({"name": "body", "in": "body", "schema": schema});
                    if required {
                        parameter["required"] = true.into();
                    }
                    parameters.insert(0, parameter);
                }
            }
            Dialect::V3 => {
                if let Some((schema, required, types)) = body {
                    let content: Map<String, Value> =
                        types.iter().map(|t| ((*t).to_owned(), json!({"schema": schema}))).collect();
                    operation["requestBody"] = json!({"content": content});
                    if required {
                        operation["requestBody"]["required"] = true.into();
                    }
                }
            }
        }
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        operation["responses"] = self.responses(dialect);
        operation
    }

    fn responses(&self, dialect: Dialect) -> Value {
        let answer = |description: &str| {
            let schema = dialect.reference(&self.answer);
            match dialect {
                Dialect::V2 => json!({"description": description, "schema": schema}),
                Dialect::V3 => json!({"description": description, "content": {"application/json": {"schema": schema}}}),
            }
        };
        let mut responses = json!({"200": answer("OK"), "401": {"description": "Unauthorized"}});
        if self.created || self.action == "put" || self.action == "patch" {
            responses["201"] = answer("Created");
        }
        if self.action == "delete" {
            responses["202"] = answer("Accepted");
        }
        responses
    }

    /// `readCoreV1NamespacedPod`.
    fn id(&self) -> String {
        let verb = match self.action {
            "get" => "read",
            "post" => "create",
            "put" => "replace",
            "deletecollection" => "deleteCollection",
            other => other,
        };
        format!("{verb}{}{}{}", self.group_name(), capitalised(&self.resource.version), self.subject)
    }

    /// `Core`, `Apps`, `UnboundedCloudIo`.
    fn group_name(&self) -> String {
        let group = self.resource.group.trim_end_matches(".k8s.io");
        if group.is_empty() { "Core".into() } else { group.split(['.', '-']).map(capitalised).collect() }
    }

    fn tag(&self) -> String {
        let mut name = self.group_name();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        format!("{name}_{}", self.resource.version)
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|c| c.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}
