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
            who_allows_and_chooses_a_list_is_connected,
            the_whole_way_can_be_gone_by_keyboard_alone,
            who_declines_can_decide_again,
            a_user_without_the_right_reads_who_has_to_connect,
            another_browser_cannot_finish_what_this_one_began,
            going_back_after_connecting_changes_nothing,
            pressing_each_button_twice_makes_one_connection,
            allowing_twice_makes_one_connection,
            a_link_can_be_opened_twice_and_used_by_one_browser,
            a_choice_without_a_list_says_what_is_missing;
        managing:
            a_month_is_seen_at_a_glance_on_a_desk_and_on_a_phone,
            everything_on_the_page_can_be_reached_and_done_by_keyboard,
            a_file_is_downloaded_and_what_is_in_it_waits_no_more;
        accessibility:
            nothing_on_the_way_to_a_connection_keeps_people_out,
            nothing_on_a_form_keeps_people_out,
            nothing_on_the_customers_page_keeps_people_out;
        visiting:
            the_hosted_form_can_be_filled_in_by_keyboard_alone,
            a_mistake_is_marked_and_what_was_typed_stays,
            a_form_without_consent_asks_for_it,
            a_web_to_lead_page_posts_into_the_lists,
            a_scripted_form_is_sent_whether_or_not_anybody_was_in_its_fields,
            a_form_in_a_frame_is_answered_there,
            a_breach_of_a_policy_would_stand_in_the_console;
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
