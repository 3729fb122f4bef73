//! `/account`: the account behind a token, and what its user may do.

use serde::Deserialize;
use serde_json::json;

use super::answer::{self, Answer};
use super::call::Call;

pub async fn summary(call: Call) -> Answer {
    #[derive(PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Extra {
        PhysicalAddress,
        /// No account has one, so none is shown.
        CompanyLogo,
    }
    let extra: Vec<Extra> = call.params(&["extra_fields"])?.words("extra_fields")?;
    let mut view = call.read_account(|account, _| {
        json!({
            "encoded_account_id": account.encoded_id,
            "organization_name": account.organization,
            "contact_email": account.contact_email,
            "contact_phone": "5555550100",
            "organization_phone": "555-555-0100",
            "first_name": "Account",
            "last_name": "Owner",
            "country_code": "US",
            "state_code": "MA",
            "time_zone_id": "US/Eastern",
            "website": account.website,
        })
    });
    if extra.contains(&Extra::PhysicalAddress) {
        view["physical_address"] = json!({
            "address_line1": "1 Harbor Street",
            "city": "Waltham",
            "state_code": "MA",
            "postal_code": "02451",
            "country_code": "US",
        });
    }
    answer::ok(&view)
}

pub async fn privileges(call: Call) -> Answer {
    call.params(&[])?;
    let role = call.shared.lab().world.role(call.seat);
    let view = role
        .privileges()
        .iter()
        .map(|(id, name)| json!({ "privilege_id": id, "privilege_name": name }));
    answer::ok(&view.collect::<Vec<_>>())
}
