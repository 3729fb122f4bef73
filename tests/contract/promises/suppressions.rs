//! Promises about people whom a customer never wants mailed.

use std::collections::BTreeSet;

use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::domain::suppression::PersonId;
use leadfeed_shared::ports::Suppressions;

use crate::promise::eventually;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Suppressions:
    suppressed_person_is_found_until_removed_from_the_list,
    many_people_can_be_looked_up_at_once,
    suppression_list_is_not_shared_between_customers,
    suppression_list_is_read_page_by_page,
}

fn person(customer: &CustomerId, number: usize) -> PersonId {
    let email = format!("ada{number}@example.com").parse().unwrap();
    PersonId::of(&SigningKeys::new("root".into()), customer, &email)
}

async fn suppressed_person_is_found_until_removed_from_the_list<S: Suppressions>(list: S) {
    let customer = fresh::customer();
    let [ada, eve] = [1, 2].map(|number| person(&customer, number));
    let both = BTreeSet::from([ada.clone(), eve]);
    let found = async || list.suppressed(&customer, &both).await.unwrap();

    assert!(found().await.is_empty());
    let first = list.suppress(&customer, &ada, at(1)).await.unwrap();
    let again = list.suppress(&customer, &ada, at(2)).await.unwrap();
    assert_eq!((again, first.since), (first.clone(), at(1)));
    assert_eq!(found().await, BTreeSet::from([ada.clone()]));
    assert!(list.unsuppress(&customer, &ada).await.unwrap());
    assert!(!list.unsuppress(&customer, &ada).await.unwrap());
    assert!(found().await.is_empty());
}

async fn many_people_can_be_looked_up_at_once<S: Suppressions>(list: S) {
    let customer = fresh::customer();
    let people: BTreeSet<_> = (0..230).map(|number| person(&customer, number)).collect();
    let listed: BTreeSet<_> = people.iter().step_by(20).cloned().collect();
    for person in &listed {
        list.suppress(&customer, person, at(1)).await.unwrap();
    }

    let found = list.suppressed(&customer, &people).await;

    assert_eq!(found.unwrap(), listed);
}

async fn suppression_list_is_not_shared_between_customers<S: Suppressions>(list: S) {
    let (own, other) = (fresh::customer(), fresh::customer());
    let ada = person(&own, 1);
    list.suppress(&own, &ada, at(1)).await.unwrap();

    let found = list.suppressed(&other, &BTreeSet::from([ada])).await;

    assert!(found.unwrap().is_empty());
    assert!(
        list.suppressions(&other, None, 10)
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

async fn suppression_list_is_read_page_by_page<S: Suppressions>(list: S) {
    let customer = fresh::customer();
    let mut people: Vec<_> = (0..5).map(|number| person(&customer, number)).collect();
    for person in &people {
        list.suppress(&customer, person, at(1)).await.unwrap();
    }
    people.sort();
    let whole = async || list.suppressions(&customer, None, 10).await.unwrap();
    eventually(whole, |page| page.items.len() == 5).await;

    let (mut read, mut cursor) = (Vec::new(), None);
    loop {
        let page = list
            .suppressions(&customer, cursor.as_deref(), 2)
            .await
            .unwrap();
        assert!(page.items.len() <= 2);
        read.extend(page.items.into_iter().map(|line| line.person));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }

    assert_eq!(read, people);
}
