use leadfeed_shared::ports::Forms;

use crate::promise::{at_once, eventually};
use crate::{fresh, promises, samples};

promises! { Forms:
    a_form_reads_back_as_it_was_put,
    of_many_concurrent_changes_of_a_form_exactly_one_is_made,
    a_form_that_is_not_there_or_further_on_is_not_replaced,
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

async fn of_many_concurrent_changes_of_a_form_exactly_one_is_made<F>(forms: F)
where
    F: Forms + Clone + 'static,
{
    let form = samples::form(&fresh::customer(), 1);
    forms.put_form(&form).await.unwrap();

    let told = at_once(16, |i| {
        let (forms, mut changed) = (forms.clone(), form.clone());
        changed.name = i.to_string();
        changed.revision += 1;
        async move { forms.replace_form(&changed).await.unwrap() }
    })
    .await;

    let made: Vec<_> = (0..told.len()).filter(|i| told[*i]).collect();
    let read = forms.form(&form.id).await.unwrap().unwrap();
    assert_eq!(made.len(), 1);
    assert_eq!(read.name, made[0].to_string());
    assert_eq!(read.revision, form.revision + 1);
}

async fn a_form_that_is_not_there_or_further_on_is_not_replaced<F: Forms>(forms: F) {
    let mut form = samples::form(&fresh::customer(), 1);
    form.revision = 1;
    assert!(!forms.replace_form(&form).await.unwrap());
    assert_eq!(forms.form(&form.id).await.unwrap(), None);

    forms.put_form(&form).await.unwrap();
    assert!(!forms.replace_form(&form).await.unwrap());
    form.revision = 3;
    assert!(!forms.replace_form(&form).await.unwrap());
    form.revision = 2;
    assert!(forms.replace_form(&form).await.unwrap());
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
