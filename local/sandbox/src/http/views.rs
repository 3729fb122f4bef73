//! The JSON representation of each resource.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Account, Activity, Address, Contact, CustomField, FieldData, List, Phone, Tag};

/// ISO-8601 with milliseconds.
fn iso(at: Timestamp) -> String {
    let utc = at.to_zoned(TimeZone::UTC);
    utc.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// ISO-8601 with the vendor's own offset, and without the fraction that other times of the same answer have.
fn iso_local(at: Timestamp) -> String {
    let eastern = at.to_zoned(TimeZone::fixed(jiff::tz::offset(-5)));
    eastern.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// A date without a time.
fn day_of(at: Timestamp) -> String {
    let utc = at.to_zoned(TimeZone::UTC);
    utc.strftime("%Y-%m-%d").to_string()
}

/// Sub-resources that are shown only on request.
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

pub const ALL_INCLUDES: [Include; 6] = [
    Include::CustomFields,
    Include::ListMemberships,
    Include::PhoneNumbers,
    Include::StreetAddresses,
    Include::Taggings,
    Include::Notes,
];

pub fn contact(contact: &Contact, include: &[Include]) -> Value {
    let (month, day) = contact.birthday.unzip();
    let mut view = json!({
        "contact_id": contact.id,
        "email_address": email(contact),
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "job_title": contact.job_title,
        "company_name": contact.company_name,
        "birthday_month": month,
        "birthday_day": day,
        "anniversary": contact.anniversary,
        "create_source": contact.create_source,
        "update_source": contact.update_source,
        "created_at": iso(contact.created_at),
        "updated_at": iso(contact.updated_at),
        "deleted_at": contact.deleted_at.map(day_of),
    });
    for part in include {
        let (name, value) = sub_resource(contact, *part);
        view[name] = value;
    }
    without_nulls(view)
}

fn email(contact: &Contact) -> Option<Value> {
    let address = contact.email.as_ref()?;
    let (out_source, out_date) = contact.opted_out().unzip();
    Some(without_nulls(json!({
        "address": address,
        "permission_to_send": contact.permission,
        "created_at": iso_local(contact.created_at),
        "updated_at": iso_local(contact.updated_at),
        "confirm_status": contact.confirm_status,
        "opt_in_source": contact.opt_in_source,
        "opt_in_date": contact.opt_in_date.map(iso),
        "opt_out_source": out_source,
        "opt_out_date": out_date.map(iso),
        "opt_out_reason": contact.opt_out_reason,
    })))
}

/// Drops properties without a value: the API leaves them out.
fn without_nulls(mut view: Value) -> Value {
    if let Some(properties) = view.as_object_mut() {
        properties.retain(|_, value| !value.is_null());
    }
    view
}

fn sub_resource(contact: &Contact, part: Include) -> (&'static str, Value) {
    match part {
        Include::ListMemberships => ("list_memberships", json!(contact.lists)),
        Include::Taggings => ("taggings", json!(contact.tags)),
        Include::CustomFields => ("custom_fields", contact.fields.iter().map(value).collect()),
        // The latest comes first.
        Include::Notes => ("notes", contact.notes.iter().rev().map(note).collect()),
        Include::PhoneNumbers => ("phone_numbers", contact.phones.iter().map(phone).collect()),
        Include::StreetAddresses => (
            "street_addresses",
            contact.addresses.iter().map(address).collect(),
        ),
    }
}

fn value(data: &FieldData) -> Value {
    let choices: Vec<String> = data.choices.iter().map(u64::to_string).collect();
    match &data.value {
        Some(value) => json!({ "custom_field_id": data.field, "value": value }),
        None => json!({ "custom_field_id": data.field, "choice_ids": choices }),
    }
}

fn note((id, at, content): &(Uuid, Timestamp, String)) -> Value {
    json!({ "note_id": id, "created_at": iso(*at), "content": content })
}

fn phone(phone: &Phone) -> Value {
    without_nulls(json!({
        "phone_number_id": phone.id,
        "phone_number": phone.number,
        "kind": phone.kind,
        "created_at": iso_local(phone.created_at),
        "updated_at": iso_local(phone.created_at),
        "create_source": phone.source,
        "update_source": phone.source,
    }))
}

fn address(address: &Address) -> Value {
    without_nulls(json!({
        "street_address_id": address.id,
        "kind": address.kind,
        "street": address.street,
        "city": address.city,
        "state": address.state,
        "postal_code": address.postal_code,
        "country": address.country,
        "created_at": iso_local(address.created_at),
        "updated_at": iso_local(address.created_at),
    }))
}

pub fn list(list: &List) -> Value {
    without_nulls(json!({
        "list_id": list.id,
        "name": list.name,
        "description": list.description,
        "favorite": list.favorite,
        "created_at": iso(list.created_at),
        "updated_at": iso_local(list.updated_at),
        "deleted_at": list.deleted_at.map(iso_local),
    }))
}

/// The members that a list's count includes.
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
    let choices = field.choices.iter().map(|choice| {
        json!({
            "custom_field_id": field.id,
            "choice_id": choice.choice_id,
            "choice_label": choice.choice_label,
            "display_order": choice.display_order,
            "created_at": iso(field.created_at),
            "updated_at": iso(field.created_at),
        })
    });
    let choices: Vec<Value> = choices.collect();
    without_nulls(json!({
        "custom_field_id": field.id,
        "label": field.label,
        "name": field.name,
        "type": field.kind,
        "metadata": field.metadata,
        "version": field.version,
        "choices": field.kind.has_choices().then_some(choices),
        "created_at": iso_local(field.created_at),
        "updated_at": iso(field.created_at),
    }))
}

pub fn tag(account: &Account, tag: &Tag, with_count: bool) -> Value {
    let contacts = account.contacts().iter();
    let tagged = contacts.filter(|c| c.deleted_at.is_none() && c.tags.contains(&tag.id));
    without_nulls(json!({
        "tag_id": tag.id,
        "name": tag.name,
        "tag_source": tag.source,
        "created_at": iso(tag.created_at),
        "updated_at": iso(tag.created_at),
        "contacts_count": with_count.then(|| tagged.count()),
    }))
}

/// An activity in a report.
pub fn activity(activity: &Activity, now: Timestamp) -> Value {
    let reached = |at: Timestamp| (now >= at).then(|| iso(at));
    without_nulls(json!({
        "activity_id": activity.id,
        "state": activity.state(now),
        "created_at": iso(activity.created_at),
        "updated_at": iso(activity.changed_at(now)),
        "started_at": reached(activity.starts_at),
        "completed_at": reached(activity.ends_at),
        "percent_done": activity.percent_done(now),
        "activity_errors": activity.errors,
        "status": activity.counted(now),
        "_links": links(activity),
    }))
}

/// An activity in the answer to the request for it: with the counts of its kind.
pub fn started(activity: &Activity, now: Timestamp) -> Value {
    let mut view = self::activity(activity, now);
    let counts = activity.counts();
    if let Some(status) = view["status"].as_object_mut() {
        status.retain(|name, _| counts.contains(&name.as_str()));
    }
    view
}

/// The deletion of a list in the answer to the request for it: without any counts.
pub fn list_delete(activity: &Activity, now: Timestamp) -> Value {
    json!({
        "activity_id": activity.id,
        "state": activity.state(now),
        "created_at": iso_local(activity.created_at),
        "updated_at": iso_local(activity.changed_at(now)),
        "percent_done": activity.percent_done(now),
        "activity_errors": activity.errors,
        "_links": links(activity),
    })
}

fn links(activity: &Activity) -> Value {
    json!({ "self": { "href": format!("/v3/activities/{}", activity.id) } })
}
