//! Labels, annotations and object names that metalman and its neighbours agree on.
//!
//! Invariant: these are part of the public contract; other controllers select on them.

/// On a Machine: the site that owns it. Absent: owned by the instance that runs without `--site`.
pub const SITE: &str = "unbounded-cloud.io/site";

/// On a Node: the name of the Machine behind it.
pub const MACHINE: &str = "unbounded-cloud.io/machine";

/// On a Node, as annotation: metalman made it unschedulable, and so may take that back.
pub const CORDONED: &str = "unbounded-cloud.io/cordoned-by";

/// On a Machine, as label or annotation: another controller performs reboot and repave; metalman leaves power alone.
pub const PROVIDER: &str = "unbounded-cloud.io/provider";

/// Namespace of metalman itself, unless `--namespace` says otherwise.
pub const DEFAULT_NAMESPACE: &str = "unbounded-kube";

/// Namespace of the per-Machine bootstrap ServiceAccounts.
pub const BOOTSTRAP_NAMESPACE: &str = "metalman-bootstrap";

/// ServiceAccount that metalman runs as, in its own namespace.
pub const CONTROLLER_SERVICE_ACCOUNT: &str = "metalman-controller";
