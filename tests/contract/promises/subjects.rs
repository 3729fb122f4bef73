use leadfeed_shared::domain::ids::{AppId, CustomerId};
use leadfeed_shared::domain::token::Subject;
use leadfeed_shared::ports::{Holder, Subjects};

use crate::promise::at_once;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Subjects:
    exactly_one_of_many_concurrent_customers_takes_a_subject,
    a_subject_is_its_customers_until_who_knows_that_it_is_void_takes_it,
    subjects_are_taken_each_by_itself,
}

fn subject() -> Subject {
    Subject::of(&AppId::default_app(), &fresh::text())
}

fn holder(customer: &CustomerId, since: i64) -> Option<Holder> {
    Some(Holder {
        customer: customer.clone(),
        since: at(since),
    })
}

async fn exactly_one_of_many_concurrent_customers_takes_a_subject<S>(subjects: S)
where
    S: Subjects + Clone + 'static,
{
    let subject = subject();

    let told = at_once(16, |_| {
        let (subjects, subject) = (subjects.clone(), subject.clone());
        async move {
            let customer = fresh::customer();
            let taken = subjects.take_subject(&subject, &customer, at(0), None);
            (taken.await.unwrap(), customer)
        }
    })
    .await;

    let (took, others): (Vec<_>, Vec<_>) = told.into_iter().partition(|(told, _)| told.is_none());
    assert_eq!(took.len(), 1);
    let first = holder(&took[0].1, 0);
    assert!(others.iter().all(|(told, _)| *told == first), "{others:?}");
}

async fn a_subject_is_its_customers_until_who_knows_that_it_is_void_takes_it<S: Subjects>(
    subjects: S,
) {
    let subject = subject();
    let (ada, bo) = (fresh::customer(), fresh::customer());
    let take = async |customer, now, void: Option<Holder>| {
        let taken = subjects.take_subject(&subject, customer, at(now), void.as_ref());
        taken.await.unwrap()
    };

    assert_eq!(take(&ada, 0, None).await, None);
    let seen = take(&bo, 1, None).await;
    assert_eq!(seen, holder(&ada, 0));
    assert_eq!(take(&ada, 2, None).await, None, "once more");
    assert_eq!(
        take(&bo, 3, seen).await,
        holder(&ada, 2),
        "it was seen before"
    );
    assert_eq!(take(&bo, 4, holder(&bo, 2)).await, holder(&ada, 2));
    assert_eq!(take(&bo, 5, holder(&ada, 2)).await, None);
    assert_eq!(take(&ada, 6, holder(&ada, 2)).await, holder(&bo, 5));
}

async fn subjects_are_taken_each_by_itself<S: Subjects>(subjects: S) {
    for subject in [subject(), subject()] {
        let customer = fresh::customer();
        let taken = subjects.take_subject(&subject, &customer, at(0), None);
        assert_eq!(taken.await.unwrap(), None);
    }
}
