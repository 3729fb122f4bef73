use leadfeed_shared::ports::Forms;

use crate::promise::{eventually, run_concurrently};
use crate::{fresh, promises, samples};

promises! { Forms:
    stored_form_reads_back_unchanged,
    exactly_one_of_many_concurrent_form_changes_succeeds,
    form_is_replaced_only_if_it_exists_and_only_with_the_next_revision,
    a_deleted_form_is_gone,
    only_the_customers_own_forms_are_listed_oldest_first,
}

async fn stored_form_reads_back_unchanged<F: Forms>(forms: F) {
    let mut form = samples::form(&fresh::customer(), 1);
    forms.put_form(&form).await.unwrap();
    assert_eq!(forms.form(&form.id).await.unwrap().as_ref(), Some(&form));

    form.open = false;
    forms.put_form(&form).await.unwrap();

    assert_eq!(forms.form(&form.id).await.unwrap(), Some(form));
    assert_eq!(forms.form(&fresh::form(1)).await.unwrap(), None);
}

async fn exactly_one_of_many_concurrent_form_changes_succeeds<F>(forms: F)
where
    F: Forms + Clone + 'static,
{
    let form = samples::form(&fresh::customer(), 1);
    forms.put_form(&form).await.unwrap();

    let results = run_concurrently(16, |i| {
        let (forms, mut changed) = (forms.clone(), form.clone());
        changed.name = i.to_string();
        changed.revision += 1;
        async move { forms.replace_form(&changed).await.unwrap() }
    })
    .await;

    let winners: Vec<_> = (0..results.len()).filter(|i| results[*i]).collect();
    let read = forms.form(&form.id).await.unwrap().unwrap();
    assert_eq!(winners.len(), 1);
    assert_eq!(read.name, winners[0].to_string());
    assert_eq!(read.revision, form.revision + 1);
}

async fn form_is_replaced_only_if_it_exists_and_only_with_the_next_revision<F: Forms>(forms: F) {
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

async fn only_the_customers_own_forms_are_listed_oldest_first<F: Forms>(forms: F) {
    let (own, other) = (fresh::customer(), fresh::customer());
    let own_forms = [1, 2, 3].map(|second| samples::form(&own, second));
    for form in [
        &own_forms[1],
        &samples::form(&other, 2),
        &own_forms[0],
        &own_forms[2],
    ] {
        forms.put_form(form).await.unwrap();
    }

    let listed = eventually(
        || async { forms.forms_of(&own).await.unwrap() },
        |listed| listed.len() >= own_forms.len(),
    );

    assert_eq!(listed.await, own_forms);
}
