//! What customers and visitors see, in Chromium, on the real stack.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod accessibility;
mod chromium;
mod connecting;
mod managing;
mod pictures;
mod scene;
mod visiting;
mod window;

use std::pin::Pin;
use std::process::ExitCode;

use chromium::Programs;
use leadfeed_local::tools::on_path;
use libtest_mimic::{Arguments, Trial};

type Scenario = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// Names each function as a test of its module.
macro_rules! scenarios {
    ($($module:ident: $($scenario:ident),+;)+) => {
        vec![$($(
            (concat!(stringify!($module), "::", stringify!($scenario)), (|| Box::pin($module::$scenario())) as Scenario),
        )+)+]
    };
}

fn main() -> ExitCode {
    let (browser, npm) = (Programs::find().is_some(), on_path("npm").is_some());
    let is_possible = |name: &str| browser && (npm || !name.starts_with("accessibility"));
    let trials = scenarios()
        .into_iter()
        .map(|(name, scenario)| trial(name, scenario).with_ignored_flag(!is_possible(name)))
        .collect();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1); // two people who connect within a second would be asked to wait
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !browser || !npm {
        eprintln!(
            "NOT TESTED: pages in a browser (shown as ignored). They need chromium and chromedriver, and \
             npm for the rules of accessibility; on Debian: apt-get install chromium chromium-driver npm"
        );
    }
    conclusion.exit_code()
}

fn scenarios() -> Vec<(&'static str, Scenario)> {
    scenarios! {
        connecting:
            allowing_access_and_choosing_a_list_connects_the_customer,
            customer_can_connect_using_only_the_keyboard,
            customer_who_declined_can_still_allow_access,
            user_without_the_required_rights_sees_who_can_connect,
            connecting_cannot_be_finished_in_another_browser,
            going_back_after_connecting_changes_nothing,
            pressing_each_button_twice_makes_one_connection,
            opening_the_callback_twice_makes_one_connection,
            connect_link_can_be_opened_twice_but_used_by_only_one_browser,
            saving_without_a_list_shows_what_is_missing;
        managing:
            month_of_sign_ups_fits_desktop_and_phone_screens,
            manage_page_can_be_used_entirely_by_keyboard,
            downloading_the_upload_file_marks_its_sign_ups_as_exported;
        accessibility:
            connect_pages_pass_the_accessibility_rules,
            hosted_form_passes_the_accessibility_rules,
            manage_page_passes_the_accessibility_rules;
        visiting:
            hosted_form_can_be_filled_in_using_only_the_keyboard,
            invalid_field_is_marked_and_entered_values_are_kept,
            submitting_without_consent_marks_the_consent_field,
            web_to_lead_page_delivers_its_lead_and_returns_to_the_site,
            fetch_snippet_submits_whether_filled_in_by_script_or_by_hand,
            form_in_a_frame_shows_its_answer_in_the_frame,
            content_security_policy_violations_appear_in_the_console;
    }
}

fn trial(name: &str, scenario: Scenario) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        runtime.block_on(scenario());
        Ok(())
    })
}
