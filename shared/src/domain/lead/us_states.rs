//! Names of US states, which people type, and their codes, which are all that Constant Contact's upload accepts.

/// The code of a US state, if the country is empty or is the US.
pub(super) fn code(state: &str, country: &str) -> Option<&'static str> {
    let country = country.replace(['.', ' '], "");
    let is_us = COUNTRY.iter().any(|us| us.eq_ignore_ascii_case(&country));
    if !is_us {
        return None;
    }
    let is_it = |(name, code): &&(&str, &str)| {
        name.eq_ignore_ascii_case(state) || code.eq_ignore_ascii_case(state)
    };
    STATES.iter().find(is_it).map(|(_, code)| *code)
}

/// The US as people write it, without dots and spaces, or empty.
const COUNTRY: [&str; 5] = ["", "US", "USA", "UnitedStates", "UnitedStatesofAmerica"];

const STATES: [(&str, &str); 51] = [
    ("Alabama", "AL"),
    ("Alaska", "AK"),
    ("Arizona", "AZ"),
    ("Arkansas", "AR"),
    ("California", "CA"),
    ("Colorado", "CO"),
    ("Connecticut", "CT"),
    ("Delaware", "DE"),
    ("District of Columbia", "DC"),
    ("Florida", "FL"),
    ("Georgia", "GA"),
    ("Hawaii", "HI"),
    ("Idaho", "ID"),
    ("Illinois", "IL"),
    ("Indiana", "IN"),
    ("Iowa", "IA"),
    ("Kansas", "KS"),
    ("Kentucky", "KY"),
    ("Louisiana", "LA"),
    ("Maine", "ME"),
    ("Maryland", "MD"),
    ("Massachusetts", "MA"),
    ("Michigan", "MI"),
    ("Minnesota", "MN"),
    ("Mississippi", "MS"),
    ("Missouri", "MO"),
    ("Montana", "MT"),
    ("Nebraska", "NE"),
    ("Nevada", "NV"),
    ("New Hampshire", "NH"),
    ("New Jersey", "NJ"),
    ("New Mexico", "NM"),
    ("New York", "NY"),
    ("North Carolina", "NC"),
    ("North Dakota", "ND"),
    ("Ohio", "OH"),
    ("Oklahoma", "OK"),
    ("Oregon", "OR"),
    ("Pennsylvania", "PA"),
    ("Rhode Island", "RI"),
    ("South Carolina", "SC"),
    ("South Dakota", "SD"),
    ("Tennessee", "TN"),
    ("Texas", "TX"),
    ("Utah", "UT"),
    ("Vermont", "VT"),
    ("Virginia", "VA"),
    ("Washington", "WA"),
    ("West Virginia", "WV"),
    ("Wisconsin", "WI"),
    ("Wyoming", "WY"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_name_has_a_code_only_in_the_us() {
        for country in ["", "US", "usa", "U.S.A.", "United States of America"] {
            for (state, expected) in [
                ("new york", Some("NY")),
                ("ca", Some("CA")),
                ("District of Columbia", Some("DC")),
                ("Bavaria", None),
                ("", None),
            ] {
                assert_eq!(code(state, country), expected, "{state}, {country}");
            }
        }
        for country in ["Canada", "Australia", "GE"] {
            assert_eq!(code("Georgia", country), None, "{country}");
        }
    }

    #[test]
    fn state_codes_are_unique() {
        let codes: std::collections::BTreeSet<_> = STATES.iter().map(|(_, code)| code).collect();
        assert_eq!(codes.len(), STATES.len());
    }
}
