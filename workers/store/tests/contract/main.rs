//! The store's contract: the same cases run on the local file and on every available search engine.
#![expect(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod answers;
mod cases;
mod documents;
mod file;
mod foreign;
mod privacy;
mod responder;
mod servers;
mod target;
mod tls;
mod trouble;

macro_rules! contract {
    ($($module:ident: $($case:ident)*;)*) => {
        mod local { contract!(@on $crate::target::Target::Local, $($module: $($case)*;)*); }
        mod es7 { contract!(@on $crate::target::Target::Server("UA_TEST_ES_7"), $($module: $($case)*;)*); }
        mod es9 { contract!(@on $crate::target::Target::Server("UA_TEST_ES_9"), $($module: $($case)*;)*); }
        mod os2 { contract!(@on $crate::target::Target::Server("UA_TEST_OS_2"), $($module: $($case)*;)*); }
        mod os3 { contract!(@on $crate::target::Target::Server("UA_TEST_OS_3"), $($module: $($case)*;)*); }
    };
    (@on $target:expr, $($module:ident: $($case:ident)*;)*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::target::run($target, $crate::cases::$module::$case).await;
            }
        )*)*
    };
}

contract! {
    write:
        a_new_document_is_indexed
        an_older_version_is_stale_and_changes_nothing
        an_equal_version_is_written_again
        a_newer_version_replaces
        the_last_of_equal_ids_in_a_batch_wins
        verdicts_are_in_the_order_of_a_mixed_batch
        an_empty_batch_has_no_verdicts
        writers_at_once_leave_the_newest
        odd_ids_are_kept
        a_long_id_is_shortened_and_found_by_either
        a_large_answer_is_kept_byte_for_byte
        an_answer_of_any_bytes_is_kept_and_can_be_left_out
        a_deletion_removes_all_but_a_newer_version
        documents_land_in_the_index_of_their_own_date;
    mapping:
        a_mapping_error_names_the_field_and_spares_the_neighbours
        an_unknown_field_is_refused_where_the_template_is_strict
        a_user_action_and_an_episode_are_taken_with_all_their_fields
        missing_and_empty_values_are_taken
        receipts_dead_letters_and_raw_documents_fit;
    read:
        what_is_refreshed_is_counted
        terms_ranges_and_choices_select
        lists_of_objects_are_filled_or_empty
        hits_are_sorted_and_limited
        times_sort_as_times
        a_scan_gives_every_document_once
        a_scan_that_is_left_keeps_no_place
        a_scan_keeps_the_order_asked_for
        hits_come_without_what_is_left_out
        groups_are_counted
        numbers_are_summed
        groups_have_a_first_and_a_last_time
        a_document_of_a_split_index_is_got_by_its_id
        documents_are_got_by_many_ids_at_once
        a_document_of_one_index_is_got_before_it_can_be_searched
        an_empty_store_answers_with_nothing
        a_value_that_cannot_be_is_refused
        prefixes_are_apart;
    tally:
        documents_are_counted_by_words_and_steps
        pages_of_groups_join_without_a_gap
        more_groups_than_an_answer_holds_are_all_counted
        what_lacks_a_field_counts_nowhere;
    expiry:
        only_whole_old_indices_of_a_split_kind_expire
        what_was_received_lately_keeps_its_index
        many_documents_expire;
    templates:
        setting_up_again_changes_nothing
        a_check_names_product_and_version;
}
