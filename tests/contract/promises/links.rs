use leadfeed_shared::domain::ids::{CustomerId, LinkId};
use leadfeed_shared::ports::Links;

use crate::promise::run_concurrently;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Links:
    exactly_one_of_many_concurrent_visitors_uses_up_a_link,
    only_the_visitor_who_used_up_a_link_can_use_it_again_until_it_expires,
    link_is_live_until_it_is_used_up,
    expired_link_cannot_be_used,
    link_works_only_for_its_own_customer,
    revocation_of_manage_links_is_kept_for_its_customer_alone,
}

async fn exactly_one_of_many_concurrent_visitors_uses_up_a_link<L>(links: L)
where
    L: Links + Clone + 'static,
{
    let (customer, link) = (fresh::customer(), fresh::link());
    links.create_link(&customer, &link, at(600)).await.unwrap();

    let results = run_concurrently(16, |_| {
        let (links, customer, link) = (links.clone(), customer.clone(), link.clone());
        async move { redeem(&links, &customer, &link, 0).await }
    })
    .await;

    assert_eq!(results.iter().filter(|used_up| **used_up).count(), 1);
}

/// A new visitor uses up a link.
async fn redeem<L: Links>(links: &L, customer: &CustomerId, link: &LinkId, second: i64) -> bool {
    let redeemed = links
        .redeem(customer, link, &fresh::link(), at(second))
        .await;
    redeemed.unwrap()
}

/// Whether a new visitor could use up a link.
async fn is_redeemable<L: Links>(
    links: &L,
    customer: &CustomerId,
    link: &LinkId,
    second: i64,
) -> bool {
    let visitor = fresh::link();
    let live = links
        .is_redeemable(customer, link, &visitor, at(second))
        .await;
    live.unwrap()
}

async fn only_the_visitor_who_used_up_a_link_can_use_it_again_until_it_expires<L: Links>(links: L) {
    let (customer, link, visitor) = (fresh::customer(), fresh::link(), fresh::link());
    links.create_link(&customer, &link, at(600)).await.unwrap();

    for second in [0, 599] {
        let redeemed = links.redeem(&customer, &link, &visitor, at(second)).await;
        assert!(redeemed.unwrap());
        let live = links
            .is_redeemable(&customer, &link, &visitor, at(second))
            .await;
        assert!(live.unwrap());
        assert!(!redeem(&links, &customer, &link, second).await);
    }
    let late = links.redeem(&customer, &link, &visitor, at(600)).await;
    assert!(!late.unwrap());
}

async fn link_is_live_until_it_is_used_up<L: Links>(links: L) {
    let (customer, link) = (fresh::customer(), fresh::link());

    assert!(!is_redeemable(&links, &customer, &link, 0).await);
    links.create_link(&customer, &link, at(600)).await.unwrap();
    assert!(is_redeemable(&links, &customer, &link, 0).await);
    assert!(redeem(&links, &customer, &link, 0).await);
    assert!(!is_redeemable(&links, &customer, &link, 0).await);
}

async fn expired_link_cannot_be_used<L: Links>(links: L) {
    let (customer, link) = (fresh::customer(), fresh::link());
    links.create_link(&customer, &link, at(600)).await.unwrap();

    assert!(is_redeemable(&links, &customer, &link, 599).await);
    assert!(!is_redeemable(&links, &customer, &link, 600).await);
    assert!(!redeem(&links, &customer, &link, 600).await);
}

async fn link_works_only_for_its_own_customer<L: Links>(links: L) {
    let (customer, other, link) = (fresh::customer(), fresh::customer(), fresh::link());
    links.create_link(&customer, &link, at(600)).await.unwrap();

    assert!(!is_redeemable(&links, &other, &link, 0).await);
    assert!(!redeem(&links, &other, &link, 0).await);
    assert!(redeem(&links, &customer, &link, 0).await);
}

async fn revocation_of_manage_links_is_kept_for_its_customer_alone<L: Links>(links: L) {
    let (customer, other) = (fresh::customer(), fresh::customer());
    let revoked_at = async |customer| links.manage_links_revoked_at(customer).await.unwrap();
    assert_eq!(revoked_at(&customer).await, None);

    for second in [10, 20] {
        let revoked = links.revoke_manage_links(&customer, at(second), at(600));
        revoked.await.unwrap();

        assert_eq!(revoked_at(&customer).await, Some(at(second)));
    }
    assert_eq!(revoked_at(&other).await, None);
}
