//! What is known of the Node behind a Machine.

use jiff::Timestamp;

/// The Node of a Machine, as far as its life is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether its condition `Ready` is True.
    pub ready: bool,
    /// The reason and message of its condition `Ready`.
    pub ready_message: String,
    /// `lastHeartbeatTime` of its condition `Ready`.
    pub heartbeat: Option<Timestamp>,
    /// `lastTransitionTime` of its condition `Ready`.
    pub ready_since: Option<Timestamp>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Whether metalman made it unschedulable (and so may take that back).
    pub cordoned_by_us: bool,
    /// `status.nodeInfo.bootID`: another one after each start of its kernel.
    pub boot_id: String,
}
