//! What a path of the service means. Pure.

use super::profile::{Profile, Slash};

/// A resource of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    Versions,
    Root,
    Odata,
    Metadata,
    Systems,
    System(usize),
    Settings(usize),
    ResetInfo(usize),
    Reset(usize),
    ChassisCollection,
    Chassis,
    Managers,
    Manager,
    SessionService,
    Sessions,
    Session(u64),
    TaskService,
    Tasks,
    Task(u64),
    TaskMonitor(u64),
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Here(Resource),
    /// To the same path with a slash.
    Elsewhere,
    Nothing,
}

/// Resolves a path.
pub(super) fn resolve(profile: &Profile, systems: usize, path: &str) -> Found {
    let (bare, slashed) = path.strip_suffix('/').map_or((path, false), |bare| (bare, true));
    let Some(resource) = resource(profile, systems, bare) else { return Found::Nothing };
    // The service root is /redfish/v1/, and /redfish/v1 means the same or redirects to it (DSP0266, "Redfish-defined URIs"); neither the
    // documents of OData nor actions end with a slash anywhere.
    let exempt = matches!(
        resource,
        Resource::Root | Resource::Versions | Resource::Odata | Resource::Metadata | Resource::Reset(_)
    );
    match profile.slash {
        _ if exempt => Found::Here(resource),
        Slash::Without if slashed => Found::Nothing,
        Slash::With if !slashed => Found::Elsewhere,
        _ => Found::Here(resource),
    }
}

fn resource(profile: &Profile, systems: usize, path: &str) -> Option<Resource> {
    let mut segments = path.strip_prefix("/redfish")?.split('/').skip(1);
    let Some(version) = segments.next() else { return Some(Resource::Versions) };
    if version != "v1" {
        return None;
    }
    let rest: Vec<_> = segments.collect();
    let system = |id: &str| (0..systems).find(|index| profile.system_name(*index) == id);
    Some(match rest[..] {
        [] => Resource::Root,
        ["odata"] => Resource::Odata,
        ["$metadata"] => Resource::Metadata,
        ["Systems"] => Resource::Systems,
        ["Systems", id] => Resource::System(system(id)?),
        ["Systems", id, "ResetActionInfo"] => Resource::ResetInfo(system(id)?),
        ["Systems", id, "Actions", "ComputerSystem.Reset"] => Resource::Reset(system(id)?),
        ["Systems", id, name] if profile.boot.place.settings() == Some(name) => Resource::Settings(system(id)?),
        ["Chassis"] => Resource::ChassisCollection,
        ["Chassis", id] if id == profile.chassis_id => Resource::Chassis,
        ["Managers"] => Resource::Managers,
        ["Managers", id] if id == profile.manager_id => Resource::Manager,
        ["SessionService"] => Resource::SessionService,
        // The Members property of a collection takes what the collection takes (DSP0266, "POST (create)").
        ["SessionService", "Sessions"] | ["SessionService", "Sessions", "Members"] => Resource::Sessions,
        ["SessionService", "Sessions", id] => Resource::Session(id.parse().ok()?),
        ["TaskService"] => Resource::TaskService,
        ["TaskService", "Tasks"] => Resource::Tasks,
        ["TaskService", "Tasks", id] => Resource::Task(id.parse().ok()?),
        ["TaskService", "TaskMonitors", id] => Resource::TaskMonitor(id.parse().ok()?),
        _ => return None,
    })
}

impl Resource {
    /// Its path, as the service writes it.
    pub(super) fn path(self, profile: &Profile) -> String {
        let id = |index| profile.system_name(index);
        let end = if profile.slash == Slash::With { "/" } else { "" };
        let settings = profile.boot.place.settings().unwrap_or("Settings");
        match self {
            Self::Versions => "/redfish".to_owned(),
            Self::Root => "/redfish/v1/".to_owned(),
            Self::Odata => "/redfish/v1/odata".to_owned(),
            Self::Metadata => "/redfish/v1/$metadata".to_owned(),
            Self::Systems => format!("/redfish/v1/Systems{end}"),
            Self::System(index) => format!("/redfish/v1/Systems/{}{end}", id(index)),
            Self::Settings(index) => format!("/redfish/v1/Systems/{}/{settings}{end}", id(index)),
            Self::ResetInfo(index) => format!("/redfish/v1/Systems/{}/ResetActionInfo{end}", id(index)),
            Self::Reset(index) => format!("/redfish/v1/Systems/{}/Actions/ComputerSystem.Reset", id(index)),
            Self::ChassisCollection => format!("/redfish/v1/Chassis{end}"),
            Self::Chassis => format!("/redfish/v1/Chassis/{}{end}", profile.chassis_id),
            Self::Managers => format!("/redfish/v1/Managers{end}"),
            Self::Manager => format!("/redfish/v1/Managers/{}{end}", profile.manager_id),
            Self::SessionService => format!("/redfish/v1/SessionService{end}"),
            Self::Sessions => format!("/redfish/v1/SessionService/Sessions{end}"),
            Self::Session(id) => format!("/redfish/v1/SessionService/Sessions/{id}{end}"),
            Self::TaskService => format!("/redfish/v1/TaskService{end}"),
            Self::Tasks => format!("/redfish/v1/TaskService/Tasks{end}"),
            Self::Task(id) => format!("/redfish/v1/TaskService/Tasks/{id}{end}"),
            Self::TaskMonitor(id) => format!("/redfish/v1/TaskService/TaskMonitors/{id}{end}"),
        }
    }

    /// The methods that it takes (DSP0266, "HTTP methods").
    pub(super) const fn methods(self) -> &'static str {
        match self {
            Self::Reset(_) => "POST",
            Self::Sessions => "GET, HEAD, POST",
            Self::Session(_) => "GET, HEAD, DELETE",
            Self::Settings(_) | Self::System(_) => "GET, HEAD, PATCH",
            _ => "GET, HEAD",
        }
    }
}
