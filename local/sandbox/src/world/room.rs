//! How much one contact can hold, whichever call adds it.

use std::collections::HashSet;
use std::hash::Hash;

use uuid::Uuid;

use super::Contact;
use crate::contract::{AddressKind, PhoneKind};

pub(super) const MAX_FIELDS: usize = 25;
const MAX_LISTS: usize = 50;
const MAX_TAGS: usize = 50;
const MAX_PHONES: usize = 3;
const MAX_ADDRESSES: usize = 3;

impl Contact {
    pub(super) fn has_room_for_lists(&self, more: impl IntoIterator<Item = Uuid>) -> bool {
        has_room(self.lists.iter().copied(), more, MAX_LISTS)
    }

    pub(super) fn has_room_for_tags(&self, more: impl IntoIterator<Item = Uuid>) -> bool {
        has_room(self.tags.iter().copied(), more, MAX_TAGS)
    }

    pub(super) fn has_room_for_fields(
        &self,
        more: impl IntoIterator<Item = Uuid>,
        max: usize,
    ) -> bool {
        has_room(self.fields.iter().map(|data| data.field), more, max)
    }

    pub(super) fn has_room_for_phones(&self, more: &[Option<PhoneKind>]) -> bool {
        has_room_by_kind(self.phones.iter().map(|phone| phone.kind), more, MAX_PHONES)
    }

    pub(super) fn has_room_for_addresses(&self, more: &[AddressKind]) -> bool {
        let own = self.addresses.iter().map(|address| address.kind);
        has_room_by_kind(own, more, MAX_ADDRESSES)
    }
}

fn has_room<T: Eq + Hash>(
    has: impl Iterator<Item = T>,
    more: impl IntoIterator<Item = T>,
    max: usize,
) -> bool {
    let has: HashSet<T> = has.collect();
    let more = more.into_iter().filter(|item| !has.contains(item));
    let new: HashSet<T> = more.collect();
    new.is_empty() || has.len() + new.len() <= max
}

/// The new items replace all of the same kind.
fn has_room_by_kind<K: Eq + Hash>(has: impl Iterator<Item = K>, more: &[K], max: usize) -> bool {
    let more: HashSet<&K> = more.iter().collect();
    let kept = has.filter(|kind| !more.contains(kind)).count();
    more.is_empty() || kept + more.len() <= max
}
