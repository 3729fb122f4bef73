use leadfeed_shared::domain::ids::{AppId, CustomerId};
use leadfeed_shared::domain::token::Subject;
use leadfeed_shared::ports::{Holder, Subjects};

use crate::promise::run_concurrently;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Subjects:
    exactly_one_of_many_concurrent_customers_takes_a_subject,
    subject_is_taken_over_only_by_naming_its_current_holder_as_void,
    subjects_are_taken_independently_of_each_other,
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

    let results = run_concurrently(16, |_| {
        let (subjects, subject) = (subjects.clone(), subject.clone());
        async move {
            let customer = fresh::customer();
            let taken = subjects.take_subject(&subject, &customer, at(0), None);
            (taken.await.unwrap(), customer)
        }
    })
    .await;

    let (winners, others): (Vec<_>, Vec<_>) = results
        .into_iter()
        .partition(|(result, _)| result.is_none());
    assert_eq!(winners.len(), 1);
    let first = holder(&winners[0].1, 0);
    assert!(
        others.iter().all(|(result, _)| *result == first),
        "{others:?}"
    );
}

async fn subject_is_taken_over_only_by_naming_its_current_holder_as_void<S: Subjects>(subjects: S) {
    let subject = subject();
    let (ada, bo) = (fresh::customer(), fresh::customer());
    let take = async |customer, now, void: Option<Holder>| {
        let taken = subjects.take_subject(&subject, customer, at(now), void.as_ref());
        taken.await.unwrap()
    };

    assert_eq!(take(&ada, 0, None).await, None);
    let seen = take(&bo, 1, None).await;
    assert_eq!(seen, holder(&ada, 0));
    assert_eq!(take(&ada, 2, None).await, None, "repeated request");
    assert_eq!(
        take(&bo, 3, seen).await,
        holder(&ada, 2),
        "bo has seen an outdated holder"
    );
    assert_eq!(take(&bo, 4, holder(&bo, 2)).await, holder(&ada, 2));
    assert_eq!(take(&bo, 5, holder(&ada, 2)).await, None);
    assert_eq!(take(&ada, 6, holder(&ada, 2)).await, holder(&bo, 5));
}

async fn subjects_are_taken_independently_of_each_other<S: Subjects>(subjects: S) {
    for subject in [subject(), subject()] {
        let customer = fresh::customer();
        let taken = subjects.take_subject(&subject, &customer, at(0), None);
        assert_eq!(taken.await.unwrap(), None);
    }
}
