//! The resources as JSON (DSP0268). Pure: what they show is an argument.

use std::{fmt::Write as _, time::Duration};

use metalman_core::lifecycle::bmc::{BootOverride, PowerState};
use serde_json::{Map, Value, json};

use super::{
    path::Resource,
    profile::{Listed, Lists, Mode, Place, Profile},
    sessions::Session,
    system::System,
    tasks::Task,
};

/// Names the resources of one service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) profile: &'a Profile,
    /// How many systems there are.
    pub(super) systems: usize,
    /// UUID of the service; those of systems follow from it.
    pub(super) uuid: uuid::Uuid,
}

impl Writer<'_> {
    fn link(&self, resource: Resource) -> Value {
        json!({ "@odata.id": resource.path(self.profile) })
    }

    fn resource(&self, at: Resource, kind: &str, id: &str, name: &str, rest: Value) -> Value {
        let mut head = Map::new();
        head.insert("@odata.id".to_owned(), at.path(self.profile).into());
        head.insert("@odata.type".to_owned(), format!("#{kind}").into());
        head.insert("Id".to_owned(), id.into());
        head.insert("Name".to_owned(), name.into());
        if let Value::Object(rest) = rest {
            head.extend(rest);
        }
        Value::Object(head)
    }

    /// A resource collection has no `Id`.
    pub(super) fn collection(&self, at: Resource, kind: &str, members: impl Iterator<Item = Resource>) -> Value {
        let members: Vec<_> = members.map(|member| self.link(member)).collect();
        json!({
            "@odata.id": at.path(self.profile),
            "@odata.type": format!("#{kind}Collection.{kind}Collection"),
            "Name": format!("{kind} Collection"),
            "Members@odata.count": members.len(),
            "Members": members,
        })
    }

    pub(super) fn versions() -> Value {
        json!({ "v1": "/redfish/v1/" })
    }

    pub(super) fn root(&self) -> Value {
        let mut rest = json!({
            "RedfishVersion": self.profile.redfish_version,
            "UUID": self.uuid.to_string(),
            "Product": self.profile.product,
            "Systems": self.link(Resource::Systems),
            "Chassis": self.link(Resource::ChassisCollection),
            "Managers": self.link(Resource::Managers),
            "Tasks": self.link(Resource::TaskService),
            "SessionService": self.link(Resource::SessionService),
            "Links": { "Sessions": self.link(Resource::Sessions) },
        });
        if let Some(vendor) = self.profile.vendor {
            rest["Vendor"] = vendor.into();
        }
        self.resource(Resource::Root, "ServiceRoot.v1_16_0.ServiceRoot", "RootService", "Root Service", rest)
    }

    /// The service document of `OData` (DSP0266, "`OData` service document").
    pub(super) fn odata(&self) -> Value {
        let entry =
            |name: &str, at: Resource| json!({ "name": name, "kind": "Singleton", "url": at.path(self.profile) });
        json!({ "@odata.context": "/redfish/v1/$metadata", "value": [
            entry("Service", Resource::Root),
            entry("Systems", Resource::Systems),
            entry("Chassis", Resource::ChassisCollection),
            entry("Managers", Resource::Managers),
            entry("TaskService", Resource::TaskService),
            entry("SessionService", Resource::SessionService),
            entry("Sessions", Resource::Sessions),
        ] })
    }

    pub(super) fn system(&self, index: usize, system: &System, power: Option<&PowerState>) -> Value {
        let at = Resource::System(index);
        let id = self.profile.system_name(index);
        let mut reset = json!({ "target": Resource::Reset(index).path(self.profile) });
        let words: Vec<_> = self.profile.power.resets.iter().map(|reset| reset.as_str()).collect();
        if matches!(self.profile.power.listed, Listed::Inline | Listed::Both) {
            reset["ResetType@Redfish.AllowableValues"] = json!(words);
        }
        if matches!(self.profile.power.listed, Listed::ActionInfo | Listed::Both) {
            reset["@Redfish.ActionInfo"] = Resource::ResetInfo(index).path(self.profile).into();
        }
        let mut shown = json!({
            "SystemType": "Physical",
            "Manufacturer": self.profile.manufacturer,
            "SerialNumber": format!("RACK{index:04}"),
            "UUID": uuid::Uuid::from_u128(self.uuid.as_u128().wrapping_add(1 + index as u128)).to_string(),
            "PowerState": power.map(PowerState::as_str),
            "Status": { "State": "Enabled", "Health": "OK" },
            "Boot": self.boot(system.shown_override()),
            "Links": {
                "Chassis": [self.link(Resource::Chassis)],
                "ManagedBy": [self.link(Resource::Manager)],
            },
            "Actions": { "#ComputerSystem.Reset": reset },
        });
        if self.profile.boot.place.settings().is_some() {
            shown["@Redfish.Settings"] = json!({
                "@odata.type": "#Settings.v1_3_5.Settings",
                "SettingsObject": self.link(Resource::Settings(index)),
                "SupportedApplyTimes": ["OnReset"],
            });
        }
        self.resource(at, "ComputerSystem.v1_20_0.ComputerSystem", &id, &format!("System {id}"), shown)
    }

    /// The resource where changes are made, where that is not the system itself (DSP0266, "Settings resource").
    pub(super) fn settings(&self, index: usize, system: &System) -> Value {
        let rest = match self.profile.boot.place {
            Place::Settings(..) => json!({ "Boot": self.boot(system.boot_override()) }),
            Place::System | Place::SystemDespite(_) => json!({ "Boot": { "BootOrder": [] } }),
        };
        let id = self.profile.system_name(index);
        self.resource(
            Resource::Settings(index),
            "ComputerSystem.v1_20_0.ComputerSystem",
            &id,
            &format!("System {id} Settings"),
            rest,
        )
    }

    fn boot(&self, now: &BootOverride) -> Value {
        let rules = &self.profile.boot;
        let mut boot = json!({
            "BootSourceOverrideEnabled": now.enabled,
            "BootSourceOverrideTarget": now.target,
        });
        if rules.mode != Mode::Absent {
            boot["BootSourceOverrideMode"] = json!(now.mode);
            boot["BootSourceOverrideMode@Redfish.AllowableValues"] = json!(["Legacy", "UEFI"]);
        }
        if rules.lists == Lists::TargetsAndEnabled {
            let values: Vec<_> = ["Disabled"].iter().chain(rules.enabled).collect();
            boot["BootSourceOverrideEnabled@Redfish.AllowableValues"] = json!(values);
        }
        if rules.lists != Lists::Nothing {
            let targets: Vec<_> = ["None"].iter().chain(rules.targets).collect();
            boot["BootSourceOverrideTarget@Redfish.AllowableValues"] = json!(targets);
        }
        boot
    }

    pub(super) fn reset_info(&self, index: usize) -> Value {
        let words: Vec<_> = self.profile.power.resets.iter().map(|reset| reset.as_str()).collect();
        let parameters = json!({ "Parameters": [{
            "Name": "ResetType", "Required": true, "DataType": "String", "AllowableValues": words,
        }] });
        let at = Resource::ResetInfo(index);
        self.resource(at, "ActionInfo.v1_3_0.ActionInfo", "ResetActionInfo", "Reset Action Info", parameters)
    }

    pub(super) fn chassis(&self) -> Value {
        let rest = json!({
            "ChassisType": "RackMount",
            "Manufacturer": self.profile.manufacturer,
            "Status": { "State": "Enabled", "Health": "OK" },
            "Links": {
                "ComputerSystems": self.every_system(),
                "ManagedBy": [self.link(Resource::Manager)],
            },
        });
        self.resource(Resource::Chassis, "Chassis.v1_23_0.Chassis", self.profile.chassis_id, "Chassis", rest)
    }

    pub(super) fn manager(&self) -> Value {
        let rest = json!({
            "ManagerType": "BMC",
            "UUID": self.uuid.to_string(),
            "FirmwareVersion": env!("CARGO_PKG_VERSION"),
            "Status": { "State": "Enabled", "Health": "OK" },
            "Links": {
                "ManagerForServers": self.every_system(),
                "ManagerForChassis": [self.link(Resource::Chassis)],
            },
        });
        self.resource(Resource::Manager, "Manager.v1_18_0.Manager", self.profile.manager_id, "Manager", rest)
    }

    fn every_system(&self) -> Vec<Value> {
        (0..self.systems).map(|index| self.link(Resource::System(index))).collect()
    }

    pub(super) fn session_service(&self) -> Value {
        let rest = json!({
            "ServiceEnabled": true,
            "SessionTimeout": self.profile.sessions.timeout.as_secs(),
            "Status": { "State": "Enabled", "Health": "OK" },
            "Sessions": self.link(Resource::Sessions),
        });
        let at = Resource::SessionService;
        self.resource(at, "SessionService.v1_1_8.SessionService", "SessionService", "Session Service", rest)
    }

    /// The password is never shown: it is null (DSP0268, Session).
    pub(super) fn session(&self, session: &Session) -> Value {
        let rest = json!({ "UserName": session.user, "Password": null });
        let at = Resource::Session(session.id);
        self.resource(at, "Session.v1_3_0.Session", &session.id.to_string(), "User Session", rest)
    }

    pub(super) fn task_service(&self) -> Value {
        let rest = json!({
            "ServiceEnabled": true,
            "CompletedTaskOverWritePolicy": "Oldest",
            "LifeCycleEventOnTaskStateChange": false,
            "Status": { "State": "Enabled", "Health": "OK" },
            "Tasks": self.link(Resource::Tasks),
        });
        self.resource(Resource::TaskService, "TaskService.v1_2_0.TaskService", "TaskService", "Task Service", rest)
    }

    pub(super) fn task(&self, task: &Task, now: Duration) -> Value {
        let (state, status, percent) = match (task.is_running(now), task.fails) {
            (true, _) => ("Running", "OK", 50),
            (false, false) => ("Completed", "OK", 100),
            (false, true) => ("Exception", "Critical", 100),
        };
        let rest = json!({
            "TaskState": state,
            "TaskStatus": status,
            "PercentComplete": percent,
            "TaskMonitor": Resource::TaskMonitor(task.id).path(self.profile),
            "Messages": [],
        });
        self.resource(Resource::Task(task.id), "Task.v1_7_4.Task", &task.id.to_string(), &task.name, rest)
    }

    /// `$metadata` (DSP0266, "Metadata"): the schemas that the resources here are of.
    pub(super) fn metadata() -> String {
        const SCHEMAS: [(&str, &str); 15] = [
            ("ServiceRoot", "v1_16_0"),
            ("ComputerSystemCollection", ""),
            ("ComputerSystem", "v1_20_0"),
            ("ActionInfo", "v1_3_0"),
            ("ChassisCollection", ""),
            ("Chassis", "v1_23_0"),
            ("ManagerCollection", ""),
            ("Manager", "v1_18_0"),
            ("SessionService", "v1_1_8"),
            ("SessionCollection", ""),
            ("Session", "v1_3_0"),
            ("TaskService", "v1_2_0"),
            ("TaskCollection", ""),
            ("Task", "v1_7_4"),
            ("Settings", "v1_3_5"),
        ];
        let mut references = String::new();
        for (schema, version) in SCHEMAS {
            let uri = format!("http://redfish.dmtf.org/schemas/v1/{schema}_v1.xml");
            let versioned = if version.is_empty() {
                String::new()
            } else {
                format!("<edmx:Include Namespace=\"{schema}.{version}\"/>")
            };
            let _ = writeln!(
                references,
                "<edmx:Reference Uri=\"{uri}\"><edmx:Include Namespace=\"{schema}\"/>{versioned}</edmx:Reference>"
            );
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <edmx:Edmx xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\" Version=\"4.0\">\n{references}\
             <edmx:DataServices><Schema xmlns=\"http://docs.oasis-open.org/odata/ns/edm\" Namespace=\"Service\">\
             <EntityContainer Name=\"Service\" Extends=\"ServiceRoot.v1_16_0.ServiceContainer\"/>\
             </Schema></edmx:DataServices></edmx:Edmx>\n"
        )
    }
}
