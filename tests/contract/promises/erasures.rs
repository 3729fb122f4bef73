//! Promises about when people were erased.

use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::domain::suppression::PersonId;
use leadfeed_shared::ports::Erasures;

use crate::samples::at;
use crate::{fresh, promises};

promises! { Erasures:
    latest_erasure_of_a_person_is_kept_for_one_customer_and_nobody_else,
}

fn person(customer: &CustomerId, email: &str) -> PersonId {
    let email = email.parse().unwrap();
    PersonId::of(&SigningKeys::new("root".into()), customer, &email)
}

async fn latest_erasure_of_a_person_is_kept_for_one_customer_and_nobody_else<E: Erasures>(
    erasures: E,
) {
    let (customer, other) = (fresh::customer(), fresh::customer());
    let ada = person(&customer, "ada@example.com");
    let eve = person(&customer, "eve@example.com");
    assert_eq!(erasures.erased_at(&customer, &ada).await.unwrap(), None);

    for second in [10, 20] {
        let noted = erasures.note_erasure(&customer, &ada, at(second), at(600));
        noted.await.unwrap();

        let erased_at = erasures.erased_at(&customer, &ada).await.unwrap();
        assert_eq!(erased_at, Some(at(second)));
    }
    assert_eq!(erasures.erased_at(&customer, &eve).await.unwrap(), None);
    assert_eq!(erasures.erased_at(&other, &ada).await.unwrap(), None);
}
