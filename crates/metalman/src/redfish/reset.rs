//! Which reset type does what is wanted (`ComputerSystem.Reset`; `ResetType` of DSP0268).

use metalman_core::lifecycle::bmc::{PowerAction, PowerState};
use serde_json::Value;

use super::discovery::link;

/// The reset action of a system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reset {
    /// Where to send it.
    pub(super) target: Option<String>,
    /// The reset types that are allowed, where the action itself lists them.
    pub(super) allowed: Option<Vec<String>>,
    /// The resource that lists them otherwise (DSP0266, "Action info": AMI and `OpenBMC` have one).
    pub(super) info: Option<String>,
}

impl Reset {
    pub(super) fn of(system: &Value) -> Self {
        let Some(action) = system.pointer("/Actions/#ComputerSystem.Reset") else { return Self::default() };
        Self {
            target: action.get("target").and_then(Value::as_str).map(str::to_owned),
            allowed: words(action.get("ResetType@Redfish.AllowableValues")),
            info: link(action.get("@Redfish.ActionInfo")).map(str::to_owned),
        }
    }
}

/// The allowed values of the parameter `ResetType` of an `ActionInfo`.
pub(super) fn allowed_by_info(info: &Value) -> Option<Vec<String>> {
    let mut parameters = info.get("Parameters")?.as_array()?.iter();
    let parameter = parameters.find(|parameter| parameter.get("Name").and_then(Value::as_str) == Some("ResetType"))?;
    words(parameter.get("AllowableValues"))
}

/// A list of words; an empty one says as little as none.
pub(super) fn words(value: Option<&Value>) -> Option<Vec<String>> {
    let words: Vec<String> = value?.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    (!words.is_empty()).then_some(words)
}

/// The reset type to send; none when no allowed one does it. Never one that ends in the other power state: no restart stands
/// for switching on, and a button is only pushed where the power is known.
pub(super) fn choose(
    action: PowerAction,
    allowed: Option<&[String]>,
    power: Option<&PowerState>,
) -> Option<&'static str> {
    let candidates: &[&'static str] = match (action, power) {
        (PowerAction::On, Some(PowerState::Off)) => &["On", "ForceOn", "PushPowerButton"],
        (PowerAction::On, _) => &["On", "ForceOn"],
        (PowerAction::GracefulShutdown, Some(PowerState::On)) => &["GracefulShutdown", "PushPowerButton"],
        (PowerAction::GracefulShutdown, _) => &["GracefulShutdown"],
        (PowerAction::ForceOff, _) => &["ForceOff"],
    };
    let Some(allowed) = allowed else { return candidates.first().copied() };
    candidates.iter().find(|candidate| allowed.iter().any(|word| word == *candidate)).copied()
}

/// Whether that is what the action is for.
pub(super) fn is_reached(action: PowerAction, power: Option<&PowerState>) -> bool {
    match action {
        PowerAction::On => power == Some(&PowerState::On),
        PowerAction::GracefulShutdown | PowerAction::ForceOff => power == Some(&PowerState::Off),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn chosen_from_what_is_allowed() {
        use PowerAction::{ForceOff, GracefulShutdown, On};
        let chosen = |action, allowed: &[&str], power: Option<PowerState>| {
            let allowed: Vec<String> = allowed.iter().map(|&word| word.to_owned()).collect();
            choose(action, Some(&allowed), power.as_ref())
        };
        let (on, off) = (Some(PowerState::On), Some(PowerState::Off));
        let button = ["PushPowerButton", "ForceRestart"];
        assert_eq!(chosen(On, &["ForceOn", "On"], None), Some("On"));
        assert_eq!(chosen(On, &["ForceOn", "PushPowerButton"], off.clone()), Some("ForceOn"));
        assert_eq!(chosen(On, &button, off.clone()), Some("PushPowerButton"));
        // A button that is pushed on a running machine switches it off.
        assert_eq!(chosen(On, &button, on.clone()), None);
        assert_eq!(chosen(On, &button, None), None);
        assert_eq!(chosen(GracefulShutdown, &button, on.clone()), Some("PushPowerButton"));
        assert_eq!(chosen(GracefulShutdown, &button, off), None);
        assert_eq!(chosen(ForceOff, &["GracefulShutdown", "ForceRestart", "PowerCycle"], on), None);
        for action in [On, ForceOff, GracefulShutdown] {
            assert_eq!(choose(action, None, None), Some(action.as_str()));
        }
    }

    #[test]
    fn read_from_the_action_or_its_info() {
        let reset = Reset::of(&json!({"Actions": {"#ComputerSystem.Reset": {
            "target": "/r", "ResetType@Redfish.AllowableValues": ["On"], "@Redfish.ActionInfo": "/i"}}}));
        assert_eq!(
            reset,
            Reset { target: Some("/r".into()), allowed: Some(vec!["On".into()]), info: Some("/i".into()) }
        );
        assert_eq!(Reset::of(&json!({"Actions": null})), Reset::default());
        let info =
            json!({"Parameters": [{"Name": "Other"}, {"Name": "ResetType", "AllowableValues": ["On", "ForceOff"]}]});
        assert_eq!(allowed_by_info(&info), Some(vec!["On".into(), "ForceOff".into()]));
        assert_eq!(allowed_by_info(&json!({"Parameters": []})), None);
    }
}
