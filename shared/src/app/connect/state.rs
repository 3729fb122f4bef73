//! The `state` of an authorization (RFC 6749 section 10.12): random, and signed with its expiry, so that one that is
//! too old or was never ours is known without the store, and one the store lacks must have been used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::domain::keys::{Purpose, SigningKeys};

const RANDOM: usize = 16;
const PAYLOAD: usize = RANDOM + 8;

pub(super) fn new(random: [u8; RANDOM], ends_at: Timestamp, keys: &SigningKeys) -> String {
    let payload = [random.as_slice(), &ends_at.as_second().to_be_bytes()].concat();
    let signature = keys.sign(Purpose::Session, &labelled(&payload));
    URL_SAFE_NO_PAD.encode([payload.as_slice(), &signature].concat())
}

/// Whether a state is ours and has not expired.
pub(super) fn is_valid(state: &str, keys: &SigningKeys, now: Timestamp) -> bool {
    let Ok(state) = URL_SAFE_NO_PAD.decode(state) else {
        return false;
    };
    let Some((payload, signature)) = state.split_at_checked(PAYLOAD) else {
        return false;
    };
    let ends_at = payload[RANDOM..].try_into().map_or(0, i64::from_be_bytes);
    keys.verify(Purpose::Session, &labelled(payload), signature) && now.as_second() < ends_at
}

fn labelled(payload: &[u8]) -> Vec<u8> {
    [b"state:", payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_valid_only_for_its_stack_and_until_it_expires() {
        let (keys, others) = (
            SigningKeys::new("root".into()),
            SigningKeys::new("other".into()),
        );
        let at = |second| Timestamp::from_second(second).unwrap();
        let state = new([7; RANDOM], at(600), &keys);

        assert!(is_valid(&state, &keys, at(599)));
        assert!(!is_valid(&state, &keys, at(600)));
        assert!(!is_valid(&state, &others, at(599)));
        for bad in ["", "x", "../..", &state[1..], &state.replace('B', "C")] {
            assert!(!is_valid(bad, &keys, at(599)), "{bad}");
        }
        assert!(state.len() <= 76);
    }
}
