//! What a BMC does in its own way, as data. A [`Profile`] is a set of behaviours; the service and the system ask it, and
//! nothing else knows vendors. `docs/bmc-quirks.md` names the source of every fact in [`vendors`].

mod vendors;

use std::time::Duration;

use super::system::ResetType;

/// The behaviour of one kind of BMC.
#[derive(Debug, Clone)]
pub struct Profile {
    /// As it is chosen on a command line.
    pub name: &'static str,
    /// `Vendor` of the service root.
    pub vendor: Option<&'static str>,
    /// `Product` of the service root.
    pub product: &'static str,
    /// `Manufacturer` of a system.
    pub manufacturer: &'static str,
    /// `RedfishVersion`.
    pub redfish_version: &'static str,
    /// Ids of the systems: the only one, and others as that with a number.
    pub system_id: &'static str,
    /// Id of the manager.
    pub manager_id: &'static str,
    /// Id of the chassis.
    pub chassis_id: &'static str,
    /// How paths end.
    pub slash: Slash,
    /// Entity tags.
    pub etags: Etags,
    /// What its errors say.
    pub wording: Wording,
    /// Sessions.
    pub sessions: SessionRules,
    /// Power.
    pub power: PowerRules,
    /// Boot override.
    pub boot: BootRules,
}

/// How `@odata.id`s end, and what becomes of requests that end otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slash {
    /// Without; with one is understood, too.
    Either,
    /// Without; with one is 404, apart from the service root.
    Without,
    /// With; without is answered with a 308 to the other.
    With,
}

/// The `ETag` of a system and what a PATCH of it must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Etags {
    /// What it looks like.
    pub form: EtagForm,
    /// What it says to a PATCH without `If-Match`; none: it takes it.
    pub missing: Option<Refusal>,
    /// How `If-Match` is compared.
    pub comparison: Comparison,
}

/// How `If-Match` is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The opaque parts must be the same, weak or not.
    Opaque,
    /// A tag that begins with `W/` never matches (RFC 9110, 13.1.1); the same without `W/` does.
    Strong,
}

/// What errors and successes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// Identifier and text of each message.
    Full,
    /// Only identifiers, under a general text.
    IdsOnly,
}

/// See [`Etags`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EtagForm {
    /// There is none.
    Absent,
    /// `"…"`
    Strong,
    /// `W/"…"`
    Weak,
}

/// Sessions and what happens when they run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRules {
    /// How many there may be.
    pub limit: usize,
    /// The status of the answer to one more.
    pub exhausted: u16,
    /// The message of that answer.
    pub message: (&'static str, &'static str),
    /// `SessionTimeout`.
    pub timeout: Duration,
    /// Whether Basic authentication works.
    pub basic: bool,
}

/// How power is shown and changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerRules {
    /// What is shown while power changes.
    pub transition: Transition,
    /// The reset types that it has.
    pub resets: &'static [ResetType],
    /// Where it says so.
    pub listed: Listed,
    /// What it says to a request for what is so already; none: it accepts it and does nothing.
    pub already: Option<Refusal>,
    /// What it says to a reset that is impossible in the present state.
    pub impossible: Refusal,
    /// For so long after power went off, On is impossible.
    pub settles: Duration,
    /// What it answers to a reset that it carries out.
    pub reply: Reply,
}

/// `PowerState` while power changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// `PoweringOn`, `PoweringOff`.
    Worded,
    /// The old state until the new one is reached.
    Finished,
    /// null.
    Null,
}

/// Where the values that an action allows are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// `ResetType@Redfish.AllowableValues` in the action.
    Inline,
    /// In a resource that `@Redfish.ActionInfo` names.
    ActionInfo,
    /// Both.
    Both,
    /// Nowhere.
    Nowhere,
}

/// The answer to an action that is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// 204.
    NoContent,
    /// 200 with an error object whose message says Success.
    Success,
    /// 202, and a task that runs until power has changed.
    Task,
}

/// Boot override.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootRules {
    /// Where it is changed.
    pub place: Place,
    /// The targets that it has besides None.
    pub targets: &'static [&'static str],
    /// What it lists as `AllowableValues`.
    pub lists: Lists,
    /// The values of `BootSourceOverrideEnabled` besides Disabled.
    pub enabled: &'static [&'static str],
    /// It takes no target None.
    pub none_refused: bool,
    /// `BootSourceOverrideMode`.
    pub mode: Mode,
    /// What it says to a change during POST; none: it takes it.
    pub post: Option<Refusal>,
    /// What uses up a `Once`.
    pub consumed: Consumed,
    /// A used override keeps its target, with `Disabled`.
    pub keeps_target: bool,
    /// `Once` is forgotten when no boot used it for so long.
    pub expires: Option<Duration>,
    /// It is forgotten when mains fail.
    pub lost_with_mains: bool,
    /// What it answers to a change.
    pub reply: PatchReply,
}

/// An error with its status, message id and text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// `MessageId`.
    pub id: &'static str,
    /// `Message`.
    pub message: &'static str,
}

/// Where a boot override is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the system, which has no other resource for settings.
    System,
    /// At the system, though `@Redfish.Settings` names a resource (by its last segment): that one is for other settings.
    SystemDespite(&'static str),
    /// Only at the resource that `@Redfish.Settings` names. The system shows it when a boot has taken it over; to a change at
    /// itself it says this.
    Settings(&'static str, Refusal),
}

impl Place {
    /// The last segment of the resource that `@Redfish.Settings` names.
    pub const fn settings(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::SystemDespite(name) | Self::Settings(name, _) => Some(name),
        }
    }
}

/// `BootSourceOverrideMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// There is no such property.
    Absent,
    /// It is shown; a PATCH that names it is refused.
    ReadOnly,
    /// It can be changed.
    Writable,
    /// A PATCH of the override must name it.
    Required,
    /// A PATCH of the override that does not name it makes it Legacy.
    Forgotten,
}

impl Mode {
    /// Whether there is such a property.
    pub const fn is_shown(self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// Which `AllowableValues` of the boot override there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// None.
    Nothing,
    /// Those of the target.
    Targets,
    /// Those of `BootSourceOverrideEnabled`, too.
    TargetsAndEnabled,
}

/// When firmware uses up a `Once`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumed {
    /// When firmware starts.
    AtStart,
    /// When POST is over.
    AtEndOfPost,
    /// Never: it stays.
    Never,
}

/// The answer to a PATCH that is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchReply {
    /// 200 with the resource.
    Resource,
    /// 200 with an error object whose message says Success.
    Success,
    /// 204.
    NoContent,
    /// 202 with a task.
    Task,
}

impl Profile {
    /// All profiles.
    pub fn all() -> Vec<Self> {
        vendors::all()
    }

    /// The profile of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|profile| profile.name == name)
    }

    /// The one that does what DSP0266 and DSP0268 say, and no more.
    pub fn plain() -> Self {
        vendors::PLAIN
    }

    /// The id of a system.
    pub(super) fn system_name(&self, index: usize) -> String {
        match (self.system_id.strip_suffix('1'), index) {
            (_, 0) => self.system_id.to_owned(),
            (Some(stem), _) => format!("{stem}{}", index + 1),
            (None, _) => format!("{}{}", self.system_id, index + 1),
        }
    }
}
