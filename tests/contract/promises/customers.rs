use leadfeed_shared::ports::Customers;

use crate::promise::eventually;
use crate::{fresh, promises, samples};

promises! { Customers:
    stored_customer_reads_back_unchanged,
    the_last_put_wins,
    deleted_customer_is_gone_and_deleting_it_again_succeeds,
    id_of_a_deleted_customer_cannot_be_reused,
    customers_are_listed_in_order_and_exactly_once_across_pages,
}

async fn stored_customer_reads_back_unchanged<C: Customers>(customers: C) {
    let customer = samples::customer(fresh::customer());

    customers.put_customer(&customer).await.unwrap();

    let read = customers.customer(&customer.id).await.unwrap();
    assert_eq!(read, Some(customer));
    let missing = customers.customer(&fresh::customer()).await.unwrap();
    assert_eq!(missing, None);
}

async fn the_last_put_wins<C: Customers>(customers: C) {
    let mut customer = samples::customer(fresh::customer());
    customers.put_customer(&customer).await.unwrap();

    customer.return_url = None;
    customers.put_customer(&customer).await.unwrap();

    let read = customers.customer(&customer.id).await.unwrap();
    assert_eq!(read, Some(customer));
}

async fn deleted_customer_is_gone_and_deleting_it_again_succeeds<C: Customers>(customers: C) {
    let customer = samples::customer(fresh::customer());
    customers.put_customer(&customer).await.unwrap();

    customers.delete_customer(&customer.id).await.unwrap();
    customers.delete_customer(&customer.id).await.unwrap();

    assert_eq!(customers.customer(&customer.id).await.unwrap(), None);
}

async fn id_of_a_deleted_customer_cannot_be_reused<C: Customers>(customers: C) {
    let customer = samples::customer(fresh::customer());
    assert!(customers.put_customer(&customer).await.unwrap());
    assert!(customers.put_customer(&customer).await.unwrap());
    customers.delete_customer(&customer.id).await.unwrap();

    assert!(!customers.put_customer(&customer).await.unwrap());

    assert!(customers.ever_existed(&customer.id).await.unwrap());
    assert!(!customers.ever_existed(&fresh::customer()).await.unwrap());
    assert_eq!(customers.customer(&customer.id).await.unwrap(), None);
    let listed = eventually(
        || async { customers.customers(None, 1_000).await.unwrap().items },
        |listed| listed.iter().all(|listed| listed.id != customer.id),
    );
    assert!(listed.await.iter().all(|listed| listed.id != customer.id));
}

async fn customers_are_listed_in_order_and_exactly_once_across_pages<C: Customers>(customers: C) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        let customer = samples::customer(fresh::customer());
        customers.put_customer(&customer).await.unwrap();
        ids.push(customer.id);
    }
    ids.sort();

    let listed = eventually(
        || async {
            let mut found = Vec::new();
            let mut cursor = None;
            loop {
                let page = customers.customers(cursor.as_deref(), 3).await.unwrap();
                assert!(page.items.len() <= 3);
                found.extend(page.items.into_iter().map(|customer| customer.id));
                cursor = page.next;
                if cursor.is_none() {
                    break found;
                }
            }
        },
        |found| ids.iter().all(|id| found.contains(id)),
    )
    .await;

    let own: Vec<_> = listed.into_iter().filter(|id| ids.contains(id)).collect();
    assert_eq!(own, ids);
}
