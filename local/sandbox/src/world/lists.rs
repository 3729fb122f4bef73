//! Contact lists and tags.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Account, Activity, Context, Job, List, Refusal, Tag};
use crate::contract::{ListInput, NewTag};

const MAX_LISTS: usize = 1000;

impl Account {
    pub fn create_list(
        &mut self,
        input: &ListInput,
        context: &mut Context<'_>,
    ) -> Result<&List, Refusal> {
        let name = self.available_list_name(input, None)?;
        let alive = self.lists.iter().filter(|list| list.deleted_at.is_none());
        if alive.count() >= MAX_LISTS {
            return Err(Refusal::Invalid(format!(
                "An account has at most {MAX_LISTS} lists"
            )));
        }
        self.lists.push(List {
            id: context.dice.uuid(),
            name,
            description: input
                .description
                .as_ref()
                .map(|text| text.as_str().to_owned()),
            favorite: input.favorite.unwrap_or(false),
            created_at: context.now,
            updated_at: context.now,
            deleted_at: None,
        });
        Ok(&self.lists[self.lists.len() - 1])
    }

    pub fn update_list(
        &mut self,
        id: Uuid,
        input: &ListInput,
        context: &Context<'_>,
    ) -> Result<&List, Refusal> {
        self.existing_list(id)?;
        let name = self.available_list_name(input, Some(id))?;
        let list = self.existing_list(id)?;
        list.name = name;
        list.description = input
            .description
            .as_ref()
            .map(|text| text.as_str().to_owned());
        list.favorite = input.favorite.unwrap_or(false);
        list.updated_at = context.now;
        Ok(list)
    }

    /// Requests that a list be deleted later, as the API does.
    pub fn request_list_delete(
        &mut self,
        id: Uuid,
        context: &mut Context<'_>,
    ) -> Result<&Activity, Refusal> {
        self.existing_list(id)?;
        self.start(Job::DeleteList(id), context)
    }

    /// Deletes a list at once.
    pub fn delete_list(&mut self, id: Uuid, context: &Context<'_>) -> Result<(), Refusal> {
        self.existing_list(id)?;
        self.drop_list(id, context.now);
        Ok(())
    }

    /// Removes a list and its memberships, but no contact.
    pub(super) fn drop_list(&mut self, id: Uuid, now: Timestamp) {
        let Ok(list) = self.existing_list(id) else {
            return;
        };
        list.deleted_at = Some(now);
        for contact in &mut self.contacts {
            contact.lists.retain(|member| *member != id);
        }
    }

    pub(super) fn has_list(&self, id: Uuid) -> bool {
        self.list(id).is_some_and(|list| list.deleted_at.is_none())
    }

    /// Those of these lists that still exist.
    pub(super) fn existing_lists(&self, lists: Vec<Uuid>) -> Vec<Uuid> {
        let lists = lists.into_iter();
        lists.filter(|id| self.has_list(*id)).collect()
    }

    fn existing_list(&mut self, id: Uuid) -> Result<&mut List, Refusal> {
        let mut lists = self.lists.iter_mut();
        lists
            .find(|list| list.id == id && list.deleted_at.is_none())
            .ok_or_else(|| Refusal::NotFound("The list was not found.".into()))
    }

    fn available_list_name(&self, input: &ListInput, of: Option<Uuid>) -> Result<String, Refusal> {
        let name = input.name.as_str();
        if name.trim().is_empty() {
            return Err(Refusal::Invalid("name is missing".into()));
        }
        let taken = |list: &List| {
            list.deleted_at.is_none() && Some(list.id) != of && list.name.eq_ignore_ascii_case(name)
        };
        if self.lists.iter().any(taken) {
            return Err(Refusal::Conflict(
                "Validation failed: List name already exists".into(),
            ));
        }
        Ok(name.to_owned())
    }

    pub fn create_tag(
        &mut self,
        input: &NewTag,
        context: &mut Context<'_>,
    ) -> Result<&Tag, Refusal> {
        let name = input.name.as_str();
        if name.is_empty() {
            return Err(Refusal::Invalid("name is missing".into()));
        }
        if self.tags.iter().any(|tag| tag.name == name) {
            return Err(Refusal::Conflict(
                "Validation failed: Tag name already exists".into(),
            ));
        }
        self.tags.push(Tag {
            id: context.dice.uuid(),
            name: name.to_owned(),
            source: input
                .tag_source
                .as_ref()
                .map(|text| text.as_str().to_owned()),
            created_at: context.now,
        });
        Ok(&self.tags[self.tags.len() - 1])
    }
}
