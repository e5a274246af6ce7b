//! The simulation finds a producer that is broken on purpose, and nothing else.

use ottla_sim::simulation::{Options, Sabotage, run};

const SEEDS: u64 = 200;

#[test]
fn the_producer_keeps_its_promises() {
    for seed in 0..SEEDS {
        if let Err(failure) = run(seed, &Options::default()) {
            panic!("{failure}");
        }
    }
}

/// A commit had no answer and was sent again; the first one arrived when the next transaction was
/// open, and committed that one: version 1 does not say which transaction it means.
#[test]
fn a_commit_that_arrives_late_does_not_end_the_next_transaction() {
    let options = Options { transactions: true, ..Options::default() };
    run(7997, &options).unwrap();
}

/// The same before brokers of 2.5, which give no other epoch to a producer that goes on: so it does
/// not go on.
#[test]
fn nor_does_it_where_brokers_give_no_other_epoch() {
    run(694_270, &Options::default()).unwrap();
}

/// What the checker says first of a producer with this bug.
fn found(sabotage: Sabotage) -> String {
    let options = Options { sabotage: Some(sabotage), ..Options::default() };
    let mut failures = (0..1000).filter_map(|seed| run(seed, &options).err());
    failures.next().unwrap_or_else(|| panic!("{sabotage} was not found in 1000 seeds")).what
}

#[test]
fn a_buffer_that_is_used_again_on_the_wire_is_found() {
    found(Sabotage::ReusedBuffer);
    assert!(found(Sabotage::TornBuffer).contains("damaged"));
}

#[test]
fn a_retry_that_reorders_is_found() {
    let what = found(Sabotage::ReorderedRetry);
    assert!(what.contains("behind one that was sent later"), "{what}");
}

#[test]
fn a_sequence_that_is_not_bumped_is_found() {
    assert!(found(Sabotage::RepeatedSequence).contains("was acknowledged"));
}

#[test]
fn an_acknowledgement_for_nothing_is_found() {
    assert!(found(Sabotage::FalseAcknowledgement).contains("was acknowledged"));
}

#[test]
fn a_transaction_that_is_committed_instead_of_aborted_is_found() {
    assert!(found(Sabotage::CommittedAbort).contains("was aborted, but record"));
}

#[test]
fn a_transaction_that_is_aborted_instead_of_committed_is_found() {
    assert!(found(Sabotage::AbortedCommit).contains("was committed, but record"));
}

#[test]
fn a_transaction_without_one_of_its_batches_is_found() {
    found(Sabotage::MissingBatch);
}

#[test]
fn offsets_that_are_not_committed_with_their_transaction_are_found() {
    assert!(found(Sabotage::MissingOffsets).contains("the group's offset is"));
}

#[test]
fn a_batch_that_is_not_part_of_its_transaction_is_found() {
    assert!(found(Sabotage::UnmarkedBatch).contains("was aborted, but record"));
}

#[test]
fn a_wakeup_that_is_lost_is_found() {
    found(Sabotage::LostWakeup);
}

#[test]
fn a_seed_runs_the_same_again() {
    let options = Options { trace: true, ..Options::default() };
    for seed in 0..10 {
        let timeline = |seed| run(seed, &options).map(|report| report.trace).ok();
        assert_eq!(timeline(seed), timeline(seed), "seed {seed}");
    }
}
