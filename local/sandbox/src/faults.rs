//! Injected faults: rules that change the answers to the next calls that they match.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::world::ForbiddenBecause;

/// The rules in force, oldest first; the first that matches a call applies.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<(u64, Fault)>,
    next: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(default)]
    pub on: Match,
    /// Let this many matching calls pass first.
    #[serde(default)]
    pub skip: u32,
    /// How many calls to change; if absent, all until the fault is deleted.
    #[serde(default)]
    pub times: Option<u32>,
    /// Whether the call still takes effect before the fault applies.
    #[serde(default)]
    pub after_effect: bool,
    pub action: Action,
}

impl Fault {
    /// For the next call of a route.
    pub fn once(route: &str, action: Action) -> Self {
        let on = Match {
            route: Some(route.to_owned()),
            ..Match::default()
        };
        Self {
            on,
            skip: 0,
            times: Some(1),
            after_effect: false,
            action,
        }
    }
}

/// Which calls; every given property must match.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    pub method: Option<String>,
    /// As in the journal, or a prefix ending in `*`.
    pub route: Option<String>,
    pub client_id: Option<String>,
    pub account: Option<String>,
    pub address: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Another answer.
    Answer {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
    },
    /// The ordinary answer, delayed.
    Delay {
        ms: u64,
    },
    /// No answer: the connection is closed.
    Cut,
    /// The ordinary status and headers, then the connection is closed within the body.
    CutBody,
    /// The ordinary answer, its body in pieces with a pause before each.
    SlowBody {
        pieces: u32,
        pause_ms: u64,
    },
    /// A body of this many bytes.
    HugeBody {
        bytes: u64,
    },
    Redirect {
        status: u16,
        location: String,
    },
    /// 200 with a JSON body that is cut off.
    MalformedJson,
    Html {
        status: u16,
    },
    Empty {
        status: u16,
    },
    /// 401, even if the token is valid.
    Unauthorized,
    Forbidden {
        because: ForbiddenBecause,
    },
    /// The gateway's own answer, without an `error_key`: it rejected just this call.
    Gateway {
        status: u16,
        message: String,
    },
    /// 400 with this many errors, in these words.
    Invalid {
        messages: Vec<String>,
    },
    Throttled,
    QuotaExceeded,
    /// The token endpoint's answer to an invalid refresh token.
    InvalidGrant,
}

/// The properties of a call that faults match.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub method: &'a str,
    pub route: &'a str,
    pub client_id: Option<&'a str>,
    pub account: Option<&'a str>,
    pub address: Option<&'a str>,
}

/// A fault as applied to one call.
#[derive(Clone, Debug)]
pub struct AppliedFault {
    pub id: u64,
    pub after_effect: bool,
    pub action: Action,
}

impl Faults {
    pub fn add(&mut self, fault: Fault) -> u64 {
        self.next += 1;
        self.rules.push((self.next, fault));
        self.next
    }

    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(known, _)| *known != id);
        self.rules.len() < before
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    pub fn rules(&self) -> &[(u64, Fault)] {
        &self.rules
    }

    /// The fault for this call, if any; a used-up rule is dropped.
    pub fn take_for(&mut self, call: &Call<'_>) -> Option<AppliedFault> {
        let at = self
            .rules
            .iter()
            .position(|(_, fault)| fault.on.matches(call))?;
        let (id, fault) = &mut self.rules[at];
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        let applied = AppliedFault {
            id: *id,
            after_effect: fault.after_effect,
            action: fault.action.clone(),
        };
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.rules.remove(at);
            }
        }
        Some(applied)
    }
}

impl Match {
    fn matches(&self, call: &Call<'_>) -> bool {
        let same = |wanted: &Option<String>, has: Option<&str>| match (wanted, has) {
            (None, _) => true,
            (Some(wanted), Some(has)) => wanted.eq_ignore_ascii_case(has),
            (Some(_), None) => false,
        };
        let route = match self.route.as_deref() {
            None => true,
            Some(pattern) => match pattern.strip_suffix('*') {
                Some(prefix) => call.route.starts_with(prefix),
                None => call.route == pattern,
            },
        };
        route
            && same(&self.method, Some(call.method))
            && same(&self.client_id, call.client_id)
            && same(&self.account, call.account)
            && same(&self.address, call.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call<'_> = Call {
        method: "GET",
        route: "/v3/contacts",
        client_id: Some("app"),
        account: None,
        address: None,
    };

    fn fault(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn fault_skips_then_applies_the_given_number_of_times_and_is_removed() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"times":2,"skip":1,"action":"cut"}"#));
        let applied: Vec<bool> = (0..4).map(|_| faults.take_for(&CALL).is_some()).collect();
        assert_eq!(applied, [false, true, true, false]);
        assert!(faults.rules().is_empty());
    }

    #[test]
    fn fault_applies_only_to_matching_calls() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"on":{"account":"a1"},"action":"cut"}"#));
        faults.add(fault(r#"{"on":{"route":"/v3/act*"},"action":"cut"}"#));
        assert!(faults.take_for(&CALL).is_none());

        let activities = Call {
            route: "/v3/activities",
            ..CALL
        };
        assert!(faults.take_for(&activities).is_some());
    }
}
