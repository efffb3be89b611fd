//! What clients did, what they were told, and what watches showed: the three must agree.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::http::{Answer, Caller, map};

/// Labels that objects move between, so that they enter and leave selections.
pub(crate) const SIDES: [&str; 2] = ["a", "b"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Patch,
    Delete,
}

/// How a write went.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Acknowledged; the object, except for deletions.
    Acknowledged(Value),
    /// No answer came. It may have happened.
    Unknown,
    /// No answer came, and later looks showed that it happened.
    Happened,
    /// No answer came, or a refusal, and it did not happen.
    Lost,
}

#[derive(Debug)]
pub(crate) struct Attempt {
    verb: Verb,
    name: String,
    sequence: u64,
    pub(crate) outcome: Outcome,
}

/// A client with objects of its own, that writes one after the other.
pub(crate) struct Writer {
    id: usize,
    maps: String,
    random: u64,
    sequence: u64,
    /// The objects as last acknowledged.
    current: BTreeMap<String, Value>,
    pub(crate) attempts: Vec<Attempt>,
}

pub(crate) fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

fn sequence(object: &Value) -> u64 {
    object["data"]["sequence"].as_str().unwrap().parse().unwrap()
}

/// The next of a sequence of pseudo-random numbers (xorshift64).
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

impl Writer {
    pub(crate) fn new(id: usize, maps: &str) -> Self {
        let random = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(id as u64 + 1);
        Self { id, maps: maps.to_owned(), random, sequence: 0, current: BTreeMap::new(), attempts: Vec::new() }
    }

    /// One write; the answer, or why there was none.
    pub(crate) async fn step(&mut self, caller: &Caller) -> Result<u16, String> {
        let name = format!("w{}-{}", self.id, next_random(&mut self.random) % 5);
        self.sequence += 1;
        let side = SIDES[usize::from(next_random(&mut self.random).is_multiple_of(3))];
        let data = json!({
            "metadata": {"labels": {"side": side}},
            "data": {"sequence": self.sequence.to_string()},
        });
        let path = format!("{}/{name}", self.maps);
        let (verb, answer) = if !self.current.contains_key(&name) {
            let mut object = map(&name, &"x".repeat(500));
            object["metadata"]["labels"] = data["metadata"]["labels"].clone();
            object["data"]["sequence"] = data["data"]["sequence"].clone();
            (Verb::Create, caller.send(Method::POST, &self.maps, &object).await)
        } else if next_random(&mut self.random).is_multiple_of(6) {
            (Verb::Delete, caller.send(Method::DELETE, &path, &Value::Null).await)
        } else {
            (Verb::Patch, caller.send(Method::PATCH, &path, &data).await)
        };
        let (outcome, told) = match answer {
            Ok(Answer { code, json }) if code < 300 => {
                match verb {
                    Verb::Delete => self.current.remove(&name),
                    _ => self.current.insert(name.clone(), json.clone()),
                };
                (Outcome::Acknowledged(json), Ok(code))
            }
            Ok(Answer { code, json }) => {
                assert_eq!(json["kind"], "Status", "{json}");
                (Outcome::Lost, Ok(code))
            }
            Err(e) => (Outcome::Unknown, Err(e)),
        };
        self.attempts.push(Attempt { verb, name, sequence: self.sequence, outcome });
        told
    }

    /// Looks at every object after a restart: it is as last acknowledged, or as the unanswered write made it.
    pub(crate) async fn settle(&mut self, caller: &Caller) {
        for k in 0..5 {
            let name = format!("w{}-{k}", self.id);
            let answer = caller.get(&format!("{}/{name}", self.maps)).await;
            let found = match answer.code {
                404 => None,
                _ => Some(answer.expect(200)),
            };
            let unknown = self.attempts.iter_mut().find(|a| a.outcome == Outcome::Unknown && a.name == name);
            if let Some(attempt) = unknown {
                let happened = match attempt.verb {
                    Verb::Delete => found.is_none(),
                    _ => found.as_ref().is_some_and(|o| sequence(o) == attempt.sequence),
                };
                if happened {
                    attempt.outcome = Outcome::Happened;
                    let before = match found {
                        Some(object) => {
                            let revision = revision(&object);
                            self.current.insert(name, object).map(|before| (before, revision))
                        }
                        None => self.current.remove(&name).map(|before| (before, u64::MAX)),
                    };
                    assert!(before.is_none_or(|(before, now)| revision(&before) < now), "a revision went back");
                    continue;
                }
                attempt.outcome = Outcome::Lost;
            }
            assert_eq!(found.as_ref(), self.current.get(&name), "{name} is not as it was acknowledged");
        }
    }

    /// The newest revision that was acknowledged.
    pub(crate) fn newest(&self) -> u64 {
        self.current.values().map(revision).max().unwrap_or(0)
    }
}

/// An event of a watch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) revision: u64,
    pub(crate) object: Value,
}

impl Seen {
    pub(crate) fn read(event: &Value) -> Self {
        let object = &event["object"];
        Self {
            kind: event["type"].as_str().unwrap().to_owned(),
            name: object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            revision: revision(object),
            object: object.clone(),
        }
    }
    /// Controllers write too: each namespace is given the root certificate.
    pub(crate) fn by_a_writer(&self) -> bool {
        self.name.starts_with('w')
    }
    fn side(&self) -> &str {
        self.object["metadata"]["labels"]["side"].as_str().unwrap_or_default()
    }
}

/// Every event once and in order, and exactly what the writers did.
pub(crate) fn check_events(events: &[Seen], writers: &[Writer]) {
    for pair in events.windows(2) {
        assert!(pair[0].revision < pair[1].revision, "not in order: {pair:?}");
    }
    let mut by_name: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for event in events {
        by_name.entry(&event.name).or_default().push(event);
    }
    for attempt in writers.iter().flat_map(|w| &w.attempts) {
        assert_ne!(attempt.outcome, Outcome::Unknown, "the writers have settled");
        if attempt.outcome == Outcome::Lost {
            continue;
        }
        let waiting = by_name.get_mut(attempt.name.as_str()).filter(|w| !w.is_empty());
        let event = waiting.unwrap_or_else(|| panic!("no event of {attempt:?}")).remove(0);
        let kind = match attempt.verb {
            Verb::Create => "ADDED",
            Verb::Patch => "MODIFIED",
            Verb::Delete => "DELETED",
        };
        assert_eq!(event.kind, kind, "{attempt:?}");
        if attempt.verb != Verb::Delete {
            assert_eq!(sequence(&event.object), attempt.sequence, "{attempt:?}");
            if let Outcome::Acknowledged(object) = &attempt.outcome {
                assert_eq!(&event.object, object);
            }
        }
    }
    let rest: Vec<_> = by_name.into_values().flatten().collect();
    assert!(rest.is_empty(), "events of nothing that was done: {rest:?}");
}

/// What a watch with the label selector `side=…` shows of these events: kind, name and revision.
pub(crate) fn selected(events: &[Seen], side: &str) -> Vec<(String, String, u64)> {
    let mut inside: BTreeMap<&str, bool> = BTreeMap::new();
    let mut shown = Vec::new();
    for event in events {
        let before = inside.get(event.name.as_str()).copied().unwrap_or(false);
        let now = event.kind != "DELETED" && event.side() == side;
        inside.insert(&event.name, now);
        let kind = match (before, now) {
            (false, false) => continue,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        shown.push((kind.to_owned(), event.name.clone(), event.revision));
    }
    shown
}
