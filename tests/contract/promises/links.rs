use leadfeed_shared::ports::Links;

use crate::promise::at_once;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Links:
    exactly_one_of_many_concurrent_burners_is_told_so,
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
        async move { links.burn(&customer, &link, at(0)).await.unwrap() }
    })
    .await;

    assert_eq!(told.iter().filter(|burnt| **burnt).count(), 1);
}

async fn a_link_is_live_until_it_is_burnt<L: Links>(links: L) {
    let (customer, link) = (fresh::customer(), fresh::link());
    let live = async || links.is_live(&customer, &link, at(0)).await.unwrap();

    assert!(!live().await);
    links.mint(&customer, &link, at(600)).await.unwrap();
    assert!(live().await);
    links.burn(&customer, &link, at(0)).await.unwrap();
    assert!(!live().await);
}

async fn an_expired_link_is_dead<L: Links>(links: L) {
    let (customer, link) = (fresh::customer(), fresh::link());
    links.mint(&customer, &link, at(600)).await.unwrap();

    assert!(links.is_live(&customer, &link, at(599)).await.unwrap());
    assert!(!links.is_live(&customer, &link, at(600)).await.unwrap());
    assert!(!links.burn(&customer, &link, at(600)).await.unwrap());
}

async fn a_link_is_its_customers_alone<L: Links>(links: L) {
    let (customer, other, link) = (fresh::customer(), fresh::customer(), fresh::link());
    links.mint(&customer, &link, at(600)).await.unwrap();

    assert!(!links.is_live(&other, &link, at(0)).await.unwrap());
    assert!(!links.burn(&other, &link, at(0)).await.unwrap());
    assert!(links.burn(&customer, &link, at(0)).await.unwrap());
}
