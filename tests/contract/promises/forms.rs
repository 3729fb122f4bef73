use leadfeed_shared::ports::Forms;

use crate::promise::eventually;
use crate::{fresh, promises, samples};

promises! { Forms:
    a_form_reads_back_as_it_was_put,
    a_deleted_form_is_gone,
    a_customer_has_its_own_forms_oldest_first,
}

async fn a_form_reads_back_as_it_was_put<F: Forms>(forms: F) {
    let mut form = samples::form(&fresh::customer(), 1);
    forms.put_form(&form).await.unwrap();
    assert_eq!(forms.form(&form.id).await.unwrap().as_ref(), Some(&form));

    form.open = false;
    forms.put_form(&form).await.unwrap();

    assert_eq!(forms.form(&form.id).await.unwrap(), Some(form));
    assert_eq!(forms.form(&fresh::form(1)).await.unwrap(), None);
}

async fn a_deleted_form_is_gone<F: Forms>(forms: F) {
    let form = samples::form(&fresh::customer(), 1);
    forms.put_form(&form).await.unwrap();

    forms.delete_form(&form.id).await.unwrap();
    forms.delete_form(&form.id).await.unwrap();

    assert_eq!(forms.form(&form.id).await.unwrap(), None);
    let left = eventually(
        || async { forms.forms_of(&form.customer).await.unwrap() },
        Vec::is_empty,
    );
    assert_eq!(left.await, []);
}

async fn a_customer_has_its_own_forms_oldest_first<F: Forms>(forms: F) {
    let (own, other) = (fresh::customer(), fresh::customer());
    let mine = [1, 2, 3].map(|second| samples::form(&own, second));
    for form in [&mine[1], &samples::form(&other, 2), &mine[0], &mine[2]] {
        forms.put_form(form).await.unwrap();
    }

    let listed = eventually(
        || async { forms.forms_of(&own).await.unwrap() },
        |listed| listed.len() >= mine.len(),
    );

    assert_eq!(listed.await, mine);
}
