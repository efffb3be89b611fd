//! The profiles. Where a fact was not found, the value is that of [`PLAIN`]; `docs/bmc-quirks.md` has the sources.

use std::time::Duration;

use super::{
    BootRules, Comparison, Consumed, EtagForm, Etags, Listed, Lists, Mode, PatchReply, Place, PowerRules, Profile,
    Refusal, Reply, SessionRules, Slash, Transition, Wording,
};
use crate::bmc::system::ResetType as R;

pub(super) fn all() -> Vec<Profile> {
    vec![PLAIN, IDRAC, ILO, SUPERMICRO, XCC, MEGARAC, OPENBMC]
}

const fn refusal(status: u16, id: &'static str, message: &'static str) -> Refusal {
    Refusal { status, id, message }
}

/// What the standard says, and where it leaves a choice, the simplest.
pub(super) const PLAIN: Profile = Profile {
    name: "plain",
    vendor: None,
    product: "Virtual Rack BMC",
    manufacturer: "Virtual Rack",
    redfish_version: "1.20.0",
    system_id: "1",
    manager_id: "bmc",
    chassis_id: "1",
    slash: Slash::Either,
    etags: Etags { form: EtagForm::Strong, missing: None, comparison: Comparison::Opaque },
    wording: Wording::Full,
    sessions: SessionRules {
        limit: 16,
        exhausted: 503,
        message: (
            "SessionLimitExceeded",
            "The session establishment failed due to the number of simultaneous sessions exceeding the limit of the \
             implementation.",
        ),
        timeout: Duration::from_mins(30),
        basic: true,
    },
    power: PowerRules {
        transition: Transition::Worded,
        resets: &[
            R::On,
            R::ForceOff,
            R::GracefulShutdown,
            R::GracefulRestart,
            R::ForceRestart,
            R::PowerCycle,
            R::PushPowerButton,
            R::Nmi,
        ],
        listed: Listed::Inline,
        already: None,
        impossible: refusal(409, "ResourceInUse", "The reset is not possible in the present power state."),
        settles: Duration::ZERO,
        reply: Reply::NoContent,
    },
    boot: BootRules {
        place: Place::System,
        targets: &["Pxe", "UefiHttp", "Hdd", "Cd", "BiosSetup"],
        enabled: &["Once", "Continuous"],
        lists: Lists::Targets,
        none_refused: false,
        mode: Mode::Writable,
        post: None,
        consumed: Consumed::AtStart,
        keeps_target: false,
        expires: None,
        lost_with_mains: false,
        reply: PatchReply::Resource,
    },
};

/// Dell iDRAC 9 and 10.
const IDRAC: Profile = Profile {
    name: "idrac",
    vendor: Some("Dell"),
    product: "Integrated Dell Remote Access Controller",
    manufacturer: "Dell Inc.",
    redfish_version: "1.13.1",
    system_id: "System.Embedded.1",
    manager_id: "iDRAC.Embedded.1",
    chassis_id: "System.Embedded.1",
    etags: Etags { form: EtagForm::Absent, ..PLAIN.etags },
    sessions: SessionRules {
        limit: 8,
        exhausted: 503,
        message: ("IDRAC.2.4.RAC0218", "The maximum number of user sessions is reached."),
        ..PLAIN.sessions
    },
    power: PowerRules {
        transition: Transition::Finished,
        already: Some(refusal(409, "IDRAC.2.4.PSU501", "Server is already in the requested power state.")),
        impossible: refusal(
            409,
            "Base.1.12.ActionParameterValueConflict",
            "The parameter ResetType was rejected because of conflict with the present state.",
        ),
        settles: Duration::from_millis(500),
        ..PLAIN.power
    },
    boot: BootRules {
        place: Place::SystemDespite("Settings"),
        targets: &["Pxe", "Floppy", "Cd", "Hdd", "BiosSetup", "Utilities", "UefiTarget", "SDCard", "UefiHttp"],
        mode: Mode::ReadOnly,
        consumed: Consumed::AtEndOfPost,
        reply: PatchReply::Success,
        ..PLAIN.boot
    },
    ..PLAIN
};

/// HPE iLO 5 and 6.
const ILO: Profile = Profile {
    name: "ilo",
    vendor: Some("HPE"),
    product: "ProLiant DL385 Gen10 Plus v2",
    manufacturer: "HPE",
    redfish_version: "1.6.0",
    manager_id: "1",
    slash: Slash::With,
    etags: Etags { form: EtagForm::Weak, ..PLAIN.etags },
    wording: Wording::IdsOnly,
    power: PowerRules {
        transition: Transition::Finished,
        resets: &[
            R::On,
            R::ForceOff,
            R::GracefulShutdown,
            R::ForceRestart,
            R::Nmi,
            R::PushPowerButton,
            R::GracefulRestart,
        ],
        already: Some(ILO_STATE),
        impossible: ILO_STATE,
        reply: Reply::Success,
        ..PLAIN.power
    },
    boot: BootRules {
        targets: &[
            "Cd",
            "Hdd",
            "Usb",
            "SDCard",
            "Utilities",
            "Diags",
            "BiosSetup",
            "Pxe",
            "UefiShell",
            "UefiHttp",
            "UefiTarget",
        ],
        none_refused: true,
        mode: Mode::ReadOnly,
        post: Some(refusal(
            400,
            "iLO.2.37.UnableToModifyDuringSystemPOST",
            "The value cannot be modified while the system is in POST.",
        )),
        consumed: Consumed::AtEndOfPost,
        reply: PatchReply::Success,
        ..PLAIN.boot
    },
    ..PLAIN
};

const ILO_STATE: Refusal =
    refusal(400, "iLO.0.10.InvalidOperationForSystemState", "The operation was not successful in this system state.");

/// Supermicro X11 to X13.
const SUPERMICRO: Profile = Profile {
    name: "supermicro",
    vendor: Some("Supermicro"),
    product: "Supermicro BMC",
    manufacturer: "Supermicro",
    redfish_version: "1.11.0",
    manager_id: "1",
    sessions: SessionRules { timeout: Duration::from_mins(5), ..PLAIN.sessions },
    power: PowerRules {
        transition: Transition::Finished,
        listed: Listed::ActionInfo,
        reply: Reply::Success,
        ..PLAIN.power
    },
    boot: BootRules {
        targets: &["Pxe", "Floppy", "Cd", "Usb", "Hdd", "BiosSetup", "UsbCd", "UefiBootNext", "UefiHttp"],
        mode: Mode::Forgotten,
        keeps_target: true,
        reply: PatchReply::Success,
        ..PLAIN.boot
    },
    ..PLAIN
};

/// Lenovo XCC and XCC2.
const XCC: Profile = Profile {
    name: "xcc",
    vendor: Some("Lenovo"),
    product: "Lenovo XClarity Controller",
    manufacturer: "Lenovo",
    redfish_version: "1.15.0",
    manager_id: "1",
    etags: Etags {
        missing: Some(refusal(
            412,
            "Base.1.12.PreconditionFailed",
            "The ETag supplied did not match the ETag required to change this resource.",
        )),
        ..PLAIN.etags
    },
    sessions: SessionRules { timeout: Duration::from_mins(5), ..PLAIN.sessions },
    power: PowerRules {
        transition: Transition::Finished,
        resets: &[R::On, R::Nmi, R::GracefulShutdown, R::GracefulRestart, R::ForceOn, R::ForceOff, R::ForceRestart],
        listed: Listed::Both,
        ..PLAIN.power
    },
    boot: BootRules {
        place: Place::SystemDespite("Pending"),
        targets: &["Pxe", "Cd", "Usb", "Hdd", "BiosSetup", "Diags", "UefiTarget"],
        enabled: &["Once"],
        lists: Lists::TargetsAndEnabled,
        ..PLAIN.boot
    },
    ..PLAIN
};

/// AMI's, SP-X.
const MEGARAC: Profile = Profile {
    name: "megarac",
    vendor: Some("AMI"),
    product: "AMI Redfish Server",
    manufacturer: "AMI",
    redfish_version: "1.13.0",
    system_id: "Self",
    manager_id: "Self",
    chassis_id: "Self",
    etags: Etags {
        form: EtagForm::Weak,
        missing: Some(refusal(
            428,
            "Ami.1.0.PreconditionHeaderMissing",
            "The request did not provide the required precondition, such as an If-Match or If-None-Match header.",
        )),
        ..PLAIN.etags
    },
    power: PowerRules {
        transition: Transition::Finished,
        resets: &[R::On, R::ForceOff, R::GracefulShutdown, R::ForceRestart],
        reply: Reply::Task,
        ..PLAIN.power
    },
    boot: BootRules {
        place: Place::Settings(
            "SD",
            refusal(
                400,
                "Ami.1.0.OperationSupportedInFutureStateURI",
                "Support of this Operation for Boot Properties is moved to FutureState URI(/redfish/v1/Systems/Self/SD)",
            ),
        ),
        targets: &["Pxe", "Floppy", "Cd", "Usb", "Hdd", "BiosSetup", "Diags"],
        consumed: Consumed::AtEndOfPost,
        reply: PatchReply::NoContent,
        ..PLAIN.boot
    },
    ..PLAIN
};

/// The one of `bmcweb`.
const OPENBMC: Profile = Profile {
    name: "openbmc",
    product: "OpenBMC",
    manufacturer: "OpenBMC",
    redfish_version: "1.17.0",
    system_id: "system",
    chassis_id: "chassis",
    power: PowerRules {
        resets: &[
            R::ForceOff,
            R::PowerCycle,
            R::Nmi,
            R::On,
            R::ForceOn,
            R::ForceRestart,
            R::GracefulRestart,
            R::GracefulShutdown,
        ],
        listed: Listed::ActionInfo,
        reply: Reply::Success,
        ..PLAIN.power
    },
    boot: BootRules {
        targets: &["Pxe", "Hdd", "Cd", "Diags", "BiosSetup", "Usb"],
        lists: Lists::TargetsAndEnabled,
        reply: PatchReply::NoContent,
        ..PLAIN.boot
    },
    ..PLAIN
};
