//! The broker contract: one suite of cases for every back end.
//!
//! The local back end always runs. RabbitMQ runs when `UA_TEST_AMQP_URL` (3.10) and `UA_TEST_AMQP4_URL` (4.x) are
//! set, with `UA_TEST_AMQP_RESTART_URL` and `UA_TEST_SERVICES` for the case that stops its broker. A missing server
//! is reported, and is a failure with `UA_TEST_REQUIRE_SERVERS=1`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a case fails by panicking and says what it leaves out"
)]

mod bounds;
mod cancelled;
mod crash;
mod dead;
mod documents;
mod fixture;
mod flow;
mod lanes;
mod lead;
mod migrate;
mod outbox;
mod presence;
mod queue_filter;
mod restart;
mod retry;
mod rights;
mod server;

use fixture::BackEnd;
use std::io::Write as _;

/// Generates a test for each case and each of its back ends.
macro_rules! contract {
    (everywhere: [$($all:tt)*], servers: [$($servers:tt)*] $(,)?) => {
        contract!(@on local, Local, $($all)*);
        contract!(@on amqp3, Amqp3, $($all)* $($servers)*);
        contract!(@on amqp4, Amqp4, $($all)* $($servers)*);
    };
    (@on $backend:ident, $kind:ident, $($file:ident :: $case:ident,)*) => {
        mod $backend {
            use crate::fixture::{BackEnd, run};
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    run(BackEnd::$kind, async |fixture| crate::$file::$case(fixture).await).await;
                }
            )*
        }
    };
}

contract! {
    everywhere: [
    flow::published_messages_are_taken_and_acked,
    flow::order_is_kept,
    flow::bodies_are_kept_byte_for_byte,
    flow::headers_are_kept,
    flow::a_waiting_consumer_gets_what_is_published,
    flow::take_returns_no_more_than_asked_for,
    flow::two_consumers_share_a_queue,
    flow::take_may_be_cancelled_at_any_time,
    flow::eight_tasks_publish_and_settle_each_message_once,
    flow::a_second_process_sees_the_same_queues,
    retry::two_hundred_go_through_a_rung_in_order_with_their_headers,
    retry::a_retry_counts_the_attempt_and_keeps_the_cause,
    retry::the_nearest_rung_is_taken,
    retry::attempts_climb_the_ladder,
    retry::a_retried_message_does_not_pass_for_ready,
    retry::calls_made_go_on_with_a_message_however_an_attempt_ends,
    retry::handing_back_does_not_count_and_keeps_the_headers,
    retry::handing_back_many_loses_none,
    retry::a_dropped_delivery_comes_back,
    dead::spent_attempts_make_a_dead_letter,
    dead::a_rejected_message_is_a_dead_letter_at_once,
    dead::a_dead_letter_goes_back_by_a_publish,
    dead::a_dead_letter_can_be_requeued,
    bounds::an_unroutable_publish_fails_and_names_the_queue,
    bounds::a_batch_with_an_unroutable_message_fails,
    bounds::too_large_a_message_is_refused,
    bounds::the_largest_message_passes,
    bounds::a_take_is_bounded_by_bytes,
    bounds::depth_counts_ready_and_consumers,
    bounds::an_unknown_queue_does_no_harm,
    bounds::purge_empties_one_queue,
    documents::a_full_queue_refuses_and_names_the_rest,
    documents::a_full_queue_drains_and_takes_the_rest,
    documents::full_documents_do_not_stop_jobs,
    documents::handing_back_into_a_full_queue_loses_none,
    documents::retries_into_a_full_queue_lose_none,
    outbox::an_outbox_holds_while_documents_are_full_and_goes_on,
    outbox::an_outbox_stops_holding_when_stopped,
    outbox::an_outbox_publishes_by_itself_when_it_holds_much,
    lanes::daily_goes_before_backfill_before_replay,
    lanes::the_later_lanes_keep_a_share,
    lanes::a_daily_plan_does_not_wait_for_a_backfill,
    lanes::later_lanes_have_their_turns_where_permits_are_few,
    lanes::a_daily_job_has_a_permit_when_all_are_taken,
    lanes::later_lanes_do_not_starve_and_take_no_more_than_their_share,
    queue_filter::matching_messages_come_out_and_the_rest_keeps_its_order,
    queue_filter::an_empty_queue_is_filtered_at_once,
    queue_filter::other_messages_are_not_changed,
    queue_filter::a_matching_message_that_is_not_settled_goes_back,
    queue_filter::a_crash_in_the_middle_loses_none,
    queue_filter::each_message_is_delivered_once_while_workers_go_on,
    queue_filter::delayed_messages_come_out_and_the_rest_comes_back_in_time,
    crash::a_crash_between_take_and_ack_redelivers,
    crash::a_crash_is_counted_across_retries,
    crash::a_message_that_crashes_its_workers_is_told_apart,
    crash::settling_after_a_crash_is_an_error,
    crash::closing_hands_back_uncounted,
    crash::a_closed_broker_says_so,
    crash::pausing_hands_back_and_taking_resumes,
    crash::a_consumer_dropped_gives_back_what_it_held,
    cancelled::a_cancelled_run_is_known_to_every_process_at_once,
    cancelled::jobs_of_a_cancelled_run_are_settled_and_not_begun,
    cancelled::a_retry_of_a_cancelled_run_is_not_begun,
    cancelled::a_job_in_progress_stops_with_its_run,
    cancelled::a_list_of_a_cancelled_run_publishes_nothing,
    presence::running_workers_are_listed_and_gone_ones_are_not,
    presence::worker_info_arrives_unchanged,
    presence::a_command_that_lifts_holds_reaches_every_process,
    lead::one_leads_and_another_takes_over,
    lead::two_names_have_two_leaders,
    lead::what_a_leader_keeps_outlives_it,
    lead::orders_reach_the_leader_and_answers_come_back,
    lead::an_order_waits_for_a_leader_and_survives_one,
    lead::a_name_that_is_none_is_refused,
    ],
    // Behaviour that only a server has.
    servers: [
    server::the_brokers_own_dead_letters_have_origin_and_cause,
    server::a_queue_with_other_arguments_is_refused_by_name,
    server::no_secret_is_shown,
    server::a_wrong_password_is_refused_at_once,
    server::a_channel_error_is_survived_by_the_publisher,
    server::a_queue_deleted_under_a_consumer_is_told_and_survived,
    server::unread_deliveries_are_requeued_in_time,
    server::a_dropped_handle_leaves_nothing_behind,
    server::declaring_again_changes_nothing,
    crash::a_lease_that_is_lost_says_so,
    presence::a_read_only_handle_declares_nothing,
    rights::rights_on_our_names_are_all_that_is_needed,
    rights::a_right_that_is_missing_is_named,
    rights::queues_of_a_leadership_are_surveyed_and_made_anew,
    documents::a_batch_of_all_that_may_be_held_does_not_linger,
    migrate::a_queue_is_made_anew_with_everything_in_its_order,
    migrate::what_exceeds_a_smaller_bound_is_kept,
    migrate::a_migration_may_be_interrupted_anywhere,
    migrate::what_was_left_apart_is_seen_and_comes_back,
    migrate::nothing_is_touched_while_somebody_takes_or_holds,
    migrate::only_one_migrates_at_a_time,
    migrate::what_is_parked_goes_on_to_where_it_was_bound,
    migrate::a_queue_of_another_type_is_made_anew,
    migrate::a_survey_changes_nothing,
    migrate::an_exchange_of_another_kind_is_refused_by_name,
    ],
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_stopped_and_started_in_mid_flow_loses_nothing() {
    fixture::run(BackEnd::AmqpRestart, async |fixture| {
        restart::nothing_is_lost(fixture).await;
        restart::what_is_done_again_is_planned_once(fixture).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_broker_is_said_so() {
    server::what_is_no_broker_is_said_so().await;
}

/// Reports the suites that this run skips. Fails if servers are required.
#[test]
fn left_out_suites_are_named() {
    let left_out: Vec<String> = BackEnd::ALL.into_iter().filter_map(fixture::missing).collect();
    for what in &left_out {
        // Not with a print macro: its output is hidden when a test passes.
        let _ = writeln!(std::io::stderr(), "left out: {what}");
    }
    assert!(left_out.is_empty() || !fixture::servers_required(), "{left_out:?}");
}
