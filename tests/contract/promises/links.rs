use leadfeed_shared::domain::ids::{CustomerId, LinkId};
use leadfeed_shared::ports::Links;

use crate::promise::at_once;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Links:
    exactly_one_of_many_concurrent_burners_is_told_so,
    whoever_burnt_a_link_is_told_so_again_and_nobody_else,
    a_link_is_live_until_it_is_burnt,
    an_expired_link_is_dead,
    a_link_is_its_customers_alone,
}

async fn exactly_one_of_many_concurrent_burners_is_told_so<L>(links: L)
where
    L: Links + Clone + 'static,
{
    let (customer, link) = (fresh::customer(), fresh::link());
    links.mint(&customer, &link, at(600)).await.unwrap();

    let told = at_once(16, |_| {
        let (links, customer, link) = (links.clone(), customer.clone(), link.clone());
        async move { burn(&links, &customer, &link, 0).await }
    })
    .await;

    assert_eq!(told.iter().filter(|burnt| **burnt).count(), 1);
}

/// A new visitor uses up a link.
async fn burn<L: Links>(links: &L, customer: &CustomerId, link: &LinkId, second: i64) -> bool {
    let burnt = links.burn(customer, link, &fresh::link(), at(second)).await;
    burnt.unwrap()
}

/// Whether a new visitor could use up a link.
async fn is_live<L: Links>(links: &L, customer: &CustomerId, link: &LinkId, second: i64) -> bool {
    let by = fresh::link();
    let live = links.is_live(customer, link, &by, at(second)).await;
    live.unwrap()
}

async fn whoever_burnt_a_link_is_told_so_again_and_nobody_else<L: Links>(links: L) {
    let (customer, link, by) = (fresh::customer(), fresh::link(), fresh::link());
    links.mint(&customer, &link, at(600)).await.unwrap();

    for second in [0, 599] {
        let burnt = links.burn(&customer, &link, &by, at(second)).await;
        assert!(burnt.unwrap());
        let live = links.is_live(&customer, &link, &by, at(second)).await;
        assert!(live.unwrap());
        assert!(!burn(&links, &customer, &link, second).await);
    }
    let late = links.burn(&customer, &link, &by, at(600)).await;
    assert!(!late.unwrap());
}

async fn a_link_is_live_until_it_is_burnt<L: Links>(links: L) {
    let (customer, link) = (fresh::customer(), fresh::link());

    assert!(!is_live(&links, &customer, &link, 0).await);
    links.mint(&customer, &link, at(600)).await.unwrap();
    assert!(is_live(&links, &customer, &link, 0).await);
    assert!(burn(&links, &customer, &link, 0).await);
    assert!(!is_live(&links, &customer, &link, 0).await);
}

async fn an_expired_link_is_dead<L: Links>(links: L) {
    let (customer, link) = (fresh::customer(), fresh::link());
    links.mint(&customer, &link, at(600)).await.unwrap();

    assert!(is_live(&links, &customer, &link, 599).await);
    assert!(!is_live(&links, &customer, &link, 600).await);
    assert!(!burn(&links, &customer, &link, 600).await);
}

async fn a_link_is_its_customers_alone<L: Links>(links: L) {
    let (customer, other, link) = (fresh::customer(), fresh::customer(), fresh::link());
    links.mint(&customer, &link, at(600)).await.unwrap();

    assert!(!is_live(&links, &other, &link, 0).await);
    assert!(!burn(&links, &other, &link, 0).await);
    assert!(burn(&links, &customer, &link, 0).await);
}
