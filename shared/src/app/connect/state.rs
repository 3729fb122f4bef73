//! The `state` of an authorization (RFC 6749 section 10.12): random, and signed with its expiry, so that one that is
//! too old or was never ours is known without the store, and one the store lacks must have been used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::domain::keys::{Purpose, SigningKeys};

const RANDOM: usize = 16;
const SAID: usize = RANDOM + 8;

pub(super) fn new(random: [u8; RANDOM], ends_at: Timestamp, keys: &SigningKeys) -> String {
    let said = [random.as_slice(), &ends_at.as_second().to_be_bytes()].concat();
    let signature = keys.sign(Purpose::Session, &labelled(&said));
    URL_SAFE_NO_PAD.encode([said.as_slice(), &signature].concat())
}

/// Whether a state is ours and has not expired.
pub(super) fn is_good(state: &str, keys: &SigningKeys, now: Timestamp) -> bool {
    let Ok(state) = URL_SAFE_NO_PAD.decode(state) else {
        return false;
    };
    let Some((said, signature)) = state.split_at_checked(SAID) else {
        return false;
    };
    let ends_at = said[RANDOM..].try_into().map_or(0, i64::from_be_bytes);
    keys.verify(Purpose::Session, &labelled(said), signature) && now.as_second() < ends_at
}

fn labelled(said: &[u8]) -> Vec<u8> {
    [b"state:", said].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_good_for_its_stack_and_time_only() {
        let (keys, others) = (
            SigningKeys::new("root".into()),
            SigningKeys::new("other".into()),
        );
        let at = |second| Timestamp::from_second(second).unwrap();
        let state = new([7; RANDOM], at(600), &keys);

        assert!(is_good(&state, &keys, at(599)));
        assert!(!is_good(&state, &keys, at(600)));
        assert!(!is_good(&state, &others, at(599)));
        for bad in ["", "x", "../..", &state[1..], &state.replace('B', "C")] {
            assert!(!is_good(bad, &keys, at(599)), "{bad}");
        }
        assert!(state.len() <= 76);
    }
}
