//! Activities that tag many contacts or put them on lists.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Account, Activity, Context, Job, Refusal};
use crate::contract::{AddMemberships, AddTags, Exclusion, Id, Selection};

impl Account {
    pub fn add_tags(
        &mut self,
        input: &AddTags,
        context: &mut Context<'_>,
    ) -> Result<&Activity, Refusal> {
        let tags: Vec<Uuid> = input.tag_ids.items().iter().map(|id| id.0).collect();
        let known = |id: &Uuid| self.tags.iter().any(|tag| tag.id == *id);
        if let Some(gone) = tags.iter().find(|id| !known(id)) {
            return Err(Refusal::NotFound(format!("tag_id {gone} does not exist")));
        }
        let contacts = self.selected(&input.source, input.exclude.as_ref())?;
        self.start(Job::AddTags { contacts, tags }, context)
    }

    pub fn add_memberships(
        &mut self,
        input: &AddMemberships,
        context: &mut Context<'_>,
    ) -> Result<&Activity, Refusal> {
        self.check_lists(input.list_ids.items(), context)?;
        let lists = input.list_ids.items().iter().map(|id| id.0).collect();
        let contacts = self.selected(&input.source, input.exclude.as_ref())?;
        self.start(Job::AddLists { contacts, lists }, context)
    }

    fn selected(
        &self,
        source: &Selection,
        exclude: Option<&Exclusion>,
    ) -> Result<Vec<Uuid>, Refusal> {
        if exclude.is_some() && !source.allows_exclusion() {
            return Err(Refusal::Invalid(
                "exclude is only for all_active_contacts and list_ids".into(),
            ));
        }
        let left_out = exclude.map_or(&[][..], |exclude| exclude.contact_ids.items());
        let any = |wanted: &[Id], has: &[Uuid]| wanted.iter().any(|id| has.contains(&id.0));
        let chosen = self.contacts.iter().filter(|contact| {
            contact.deleted_at.is_none()
                && match source {
                    Selection::ContactIds(ids) => ids.items().contains(&Id(contact.id)),
                    Selection::ListIds(ids) => any(ids.items(), &contact.lists),
                    Selection::TagIds(ids) => any(ids.items(), &contact.tags),
                    Selection::AllActiveContacts(wanted) => *wanted && contact.is_active(),
                }
        });
        let kept = chosen.filter(|contact| !left_out.contains(&Id(contact.id)));
        Ok(kept.map(|contact| contact.id).collect())
    }

    pub(super) fn run_tags(&mut self, activity: usize, contacts: &[Uuid], tags: &[Uuid]) {
        for id in contacts {
            let Some(at) = self.by_id.get(id) else {
                continue;
            };
            let contact = &mut self.contacts[*at];
            if !contact.has_room_for_tags(tags.iter().copied()) {
                let errors = &mut self.activities[activity].errors;
                errors.push(format!("Contact {id} would have more than 50 tags."));
                continue;
            }
            let new = tags
                .iter()
                .filter(|tag| !contact.tags.contains(tag))
                .copied();
            let new: Vec<Uuid> = new.collect();
            contact.tags.extend(new);
        }
        self.activities[activity].tally.items_completed_count = contacts.len();
    }

    pub(super) fn run_memberships(
        &mut self,
        activity: usize,
        contacts: &[Uuid],
        lists: Vec<Uuid>,
        now: Timestamp,
    ) {
        let lists = self.existing_lists(lists);
        for id in contacts {
            let Some(at) = self.by_id.get(id) else {
                continue;
            };
            let contact = &mut self.contacts[*at];
            let has_room = contact.has_room_for_lists(lists.iter().copied());
            if contact.opted_out().is_some() || !has_room {
                self.activities[activity].tally.cannot_add_to_list_count += 1;
                continue;
            }
            contact.join(lists.iter().copied());
            contact.updated_at = now;
        }
        let tally = &mut self.activities[activity].tally;
        tally.items_completed_count = contacts.len();
        tally.list_count = lists.len();
    }
}
