//! The JSON of each resource.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::contract::Permission;
use crate::world::{Account, Activity, Contact, CustomField, List, Tag};

/// ISO-8601 with milliseconds.
pub fn iso(at: Timestamp) -> String {
    let utc = at.to_zoned(TimeZone::UTC);
    utc.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Sub-resources that are shown only where asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Include {
    CustomFields,
    ListMemberships,
    PhoneNumbers,
    StreetAddresses,
    Taggings,
    Notes,
}

pub const EVERYTHING: [Include; 6] = [
    Include::CustomFields,
    Include::ListMemberships,
    Include::PhoneNumbers,
    Include::StreetAddresses,
    Include::Taggings,
    Include::Notes,
];

pub fn contact(contact: &Contact, include: &[Include]) -> Value {
    let mut view = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            view.insert(name.to_owned(), value);
        }
    };
    put("contact_id", json!(contact.id));
    put("email_address", email(contact));
    put("first_name", json!(contact.first_name));
    put("last_name", json!(contact.last_name));
    put("job_title", json!(contact.job_title));
    put("company_name", json!(contact.company_name));
    put(
        "birthday_month",
        json!(contact.birthday.map(|(month, _)| month)),
    );
    put("birthday_day", json!(contact.birthday.map(|(_, day)| day)));
    put("anniversary", json!(contact.anniversary));
    put("create_source", json!(contact.create_source));
    put("update_source", json!(contact.update_source));
    put("created_at", json!(iso(contact.created_at)));
    put("updated_at", json!(iso(contact.updated_at)));
    put("deleted_at", json!(contact.deleted_at.map(iso)));
    for part in include {
        let (name, value) = sub_resource(contact, *part);
        put(name, value);
    }
    Value::Object(view)
}

fn email(contact: &Contact) -> Value {
    let Some(address) = &contact.email else {
        return Value::Null;
    };
    let mut view = json!({
        "address": address,
        "permission_to_send": contact.permission,
        "created_at": iso(contact.created_at),
        "updated_at": iso(contact.updated_at),
        "confirm_status": contact.confirm_status,
    });
    if let (Some(source), Some(date)) = (contact.opt_in_source, contact.opt_in_date) {
        view["opt_in_source"] = json!(source);
        view["opt_in_date"] = json!(iso(date));
    }
    if contact.permission == Permission::Unsubscribed {
        view["opt_out_source"] = json!(contact.opt_out_source);
        view["opt_out_date"] = json!(contact.opt_out_date.map(iso));
        view["opt_out_reason"] = json!(contact.opt_out_reason);
    }
    view
}

fn sub_resource(contact: &Contact, part: Include) -> (&'static str, Value) {
    match part {
        Include::ListMemberships => ("list_memberships", json!(contact.lists)),
        Include::Taggings => ("taggings", json!(contact.tags)),
        Include::CustomFields => {
            let fields = contact.fields.iter().map(|data| match &data.value {
                Some(value) => json!({ "custom_field_id": data.field, "value": value }),
                None => json!({ "custom_field_id": data.field, "choice_ids": data.choices }),
            });
            ("custom_fields", fields.collect())
        }
        Include::Notes => {
            let notes = contact.notes.iter().map(|(id, at, content)| {
                json!({ "note_id": id, "created_at": iso(*at), "content": content })
            });
            ("notes", notes.collect())
        }
        Include::PhoneNumbers => {
            let phones = contact.phones.iter().map(|phone| {
                let mut view = json!({
                    "phone_number_id": phone.id,
                    "phone_number": phone.number,
                    "created_at": iso(phone.created_at),
                    "updated_at": iso(phone.created_at),
                    "create_source": phone.source,
                    "update_source": phone.source,
                });
                if let Some(kind) = phone.kind {
                    view["kind"] = json!(kind);
                }
                view
            });
            ("phone_numbers", phones.collect())
        }
        Include::StreetAddresses => {
            let addresses = contact.addresses.iter().map(|address| {
                json!({
                    "street_address_id": address.id,
                    "kind": address.kind,
                    "street": address.street,
                    "city": address.city,
                    "state": address.state,
                    "postal_code": address.postal_code,
                    "country": address.country,
                    "created_at": iso(address.created_at),
                    "updated_at": iso(address.created_at),
                })
            });
            ("street_addresses", addresses.collect())
        }
    }
}

pub fn list(list: &List) -> Value {
    let mut view = json!({
        "list_id": list.id,
        "name": list.name,
        "favorite": list.favorite,
        "created_at": iso(list.created_at),
        "updated_at": iso(list.updated_at),
    });
    if let Some(description) = &list.description {
        view["description"] = json!(description);
    }
    if let Some(at) = list.deleted_at {
        view["deleted_at"] = json!(iso(at));
    }
    view
}

/// Which members a list's count counts.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Members {
    All,
    Active,
}

pub fn list_with_count(account: &Account, of: &List, count: Option<Members>) -> Value {
    let mut view = list(of);
    if let Some(count) = count {
        let members = account.contacts().iter().filter(|contact| {
            let counted = match count {
                Members::All => contact.deleted_at.is_none(),
                Members::Active => contact.is_active(),
            };
            counted && contact.lists.contains(&of.id)
        });
        view["membership_count"] = json!(members.count());
    }
    view
}

pub fn field(field: &CustomField) -> Value {
    let mut view = json!({
        "custom_field_id": field.id,
        "label": field.label,
        "name": field.name,
        "type": field.kind,
        "metadata": field.metadata,
        "created_at": iso(field.created_at),
        "updated_at": iso(field.created_at),
    });
    if let Some(version) = field.version {
        view["version"] = json!(version);
    }
    if field.kind.has_choices() {
        view["choices"] = json!(field.choices);
    }
    view
}

pub fn tag(account: &Account, tag: &Tag, with_count: bool) -> Value {
    let mut view = json!({
        "tag_id": tag.id,
        "name": tag.name,
        "tag_source": tag.source.as_deref().unwrap_or("Contact"),
        "created_at": iso(tag.created_at),
        "updated_at": iso(tag.created_at),
    });
    if with_count {
        let tagged = account
            .contacts()
            .iter()
            .filter(|c| c.tags.contains(&tag.id));
        view["contacts_count"] = json!(tagged.count());
    }
    view
}

pub fn activity(activity: &Activity, now: Timestamp) -> Value {
    let reached = |at: Timestamp| (now >= at).then(|| iso(at));
    let mut view = json!({
        "activity_id": activity.id,
        "state": activity.state(now),
        "created_at": iso(activity.created_at),
        "updated_at": iso(activity.changed_at(now)),
        "percent_done": activity.percent_done(now),
        "activity_errors": activity.errors,
        "status": activity.tally,
        "_links": { "self": { "href": format!("/v3/activities/{}", activity.id) } },
    });
    if let Some(at) = reached(activity.starts_at) {
        view["started_at"] = json!(at);
    }
    if let Some(at) = reached(activity.ends_at) {
        view["completed_at"] = json!(at);
    }
    view
}
