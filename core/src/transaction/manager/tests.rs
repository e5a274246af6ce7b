use alloc::vec;

use super::*;
use crate::error::{DeliveryError, ErrorCode, Reason, Written};
use crate::transaction::news::{Answer, Ended};
use crate::transaction::offsets::{ConsumedOffset, GroupMetadata};

const COORDINATOR: NodeId = NodeId(3);
const GROUP_COORDINATOR: NodeId = NodeId(4);
const FIRST: Identity = Identity { producer_id: 7, epoch: 0 };
const NEXT: Identity = Identity { producer_id: 7, epoch: 1 };
const AGAIN: Instant = Instant::from_micros(100_000);
const SOON: Instant = Instant::from_micros(20_000);

/// The state machine and whoever answers it.
struct Talk(TransactionManager);

impl Talk {
    /// Begun under this version of transactions.
    fn begun(transaction_version: i16) -> Self {
        let mut talk = Self(TransactionManager::default());
        talk.0.learn(Features { epoch: 1, transaction_version });
        talk.0.initialise();
        let find = Asked::FindCoordinator(CoordinatorKind::Transaction);
        talk.asks(false, find, Answer::Node(COORDINATOR));
        talk.asks(false, Asked::InitProducerId, Answer::Identity(FIRST));
        assert!(talk.0.take_news().is_some_and(|news| news.ready));
        talk.0.begin();
        talk
    }

    /// This is asked next, and answered so.
    fn asks(&mut self, drained: bool, expected: Asked, answer: Answer) {
        assert_eq!(self.0.next(drained), Some(expected.clone()));
        self.0.asked(&expected);
        assert_eq!(self.0.next(drained), None, "one request at a time");
        self.0.answered(&expected, answer, AGAIN, SOON);
    }

    fn news(&mut self) -> News {
        self.0.take_news().expect("there is news")
    }

    fn last(&mut self) -> Ended {
        self.news().last.expect("a transaction has ended")
    }
}

fn failed_record() -> AbortCause {
    let reason = Reason::Broker(ErrorCode::MessageTooLarge);
    AbortCause::Record(DeliveryError { reason, written: Written::No, attempts: 1, message: None })
}

fn offsets() -> Offsets {
    let consumed = [ConsumedOffset::new("in", 0, 5), ConsumedOffset::new("in", 1, 6)];
    Offsets::new(1, &consumed, &GroupMetadata::of_group("group"))
}

#[test]
fn in_version_1_partitions_and_offsets_are_added_before_the_end() {
    let mut talk = Talk::begun(1);
    assert!(!talk.0.join(5) && !talk.0.join(6), "not before they are added");
    talk.asks(false, Asked::AddPartitions(vec![5, 6]), Answer::Done);
    assert!(talk.0.join(5) && talk.0.join(6));
    talk.0.send_offsets(offsets());
    talk.asks(false, Asked::AddOffsets, Answer::Done);
    let find = Asked::FindCoordinator(CoordinatorKind::Group);
    talk.asks(false, find, Answer::Node(GROUP_COORDINATOR));
    assert_eq!(talk.0.target(&Asked::CommitOffsets), Target::Node(GROUP_COORDINATOR));
    talk.asks(false, Asked::CommitOffsets, Answer::Done);
    talk.0.end(true);
    assert_eq!(talk.0.next(false), None, "batches are on their way");
    assert_eq!(talk.0.target(&Asked::End { commit: true }), Target::Node(COORDINATOR));
    talk.asks(true, Asked::End { commit: true }, Answer::Done);
    assert_eq!(talk.last(), Ended::Committed);
    assert_eq!(talk.0.identity(), Some(FIRST));
    talk.0.begin();
    assert!(!talk.0.join(5), "the next transaction begins without partitions");
}

#[test]
fn in_version_2_nothing_is_added_and_the_end_tells_the_next_epoch() {
    let mut talk = Talk::begun(2);
    assert!(talk.0.join(5));
    assert_eq!(talk.0.next(true), None);
    talk.0.end(true);
    talk.asks(true, Asked::End { commit: true }, Answer::Identity(NEXT));
    assert_eq!(talk.last(), Ended::Committed);
    assert_eq!(talk.0.identity(), Some(NEXT));
}

#[test]
fn a_transaction_with_nothing_in_it_ends_without_a_request() {
    for version in [1, 2] {
        for commit in [true, false] {
            let mut talk = Talk::begun(version);
            talk.0.end(commit);
            assert_eq!(talk.0.next(true), None);
            let ended = if commit { Ended::Committed } else { Ended::Aborted(None) };
            assert_eq!(talk.last(), ended);
        }
    }
}

#[test]
fn a_commit_after_a_record_failed_aborts_and_asks_for_another_epoch() {
    let mut talk = Talk::begun(1);
    talk.0.join(5);
    talk.asks(false, Asked::AddPartitions(vec![5]), Answer::Done);
    talk.0.lose_sequences();
    talk.0.doom(failed_record());
    assert!(matches!(talk.0.refuses_batches(), Some(Refused::Aborted(Some(_)))));
    assert!(talk.0.join(5), "what was numbered goes on");
    assert!(!talk.0.join(6), "nothing else begins");
    talk.0.end(true);
    talk.asks(true, Asked::End { commit: false }, Answer::Done);
    let news = talk.news();
    assert_eq!(news.last, Some(Ended::Aborted(Some(failed_record()))));
    assert!(!news.ready, "not before there is another epoch");
    talk.asks(false, Asked::InitProducerId, Answer::Identity(NEXT));
    assert!(talk.news().ready);
    assert_eq!(talk.0.identity(), Some(NEXT));
}

#[test]
fn a_cluster_that_moves_to_version_2_takes_effect_with_the_next_epoch() {
    let mut talk = Talk::begun(1);
    talk.0.learn(Features { epoch: 2, transaction_version: 2 });
    talk.0.learn(Features { epoch: 1, transaction_version: 1 });
    assert!(!talk.0.join(5), "this transaction is of version 1");
    talk.asks(false, Asked::AddPartitions(vec![5]), Answer::Done);
    talk.0.end(true);
    talk.asks(true, Asked::End { commit: true }, Answer::Done);
    talk.asks(false, Asked::InitProducerId, Answer::Identity(NEXT));
    talk.0.begin();
    assert!(talk.0.join(5));
}

#[test]
fn another_producer_with_the_id_is_the_end() {
    for code in [ErrorCode::ProducerFenced, ErrorCode::InvalidProducerEpoch] {
        let mut talk = Talk::begun(2);
        talk.0.join(5);
        talk.0.end(true);
        talk.asks(true, Asked::End { commit: true }, Answer::Code(code));
        let news = talk.news();
        assert_eq!((news.failed, news.unsure), (Some(FatalError::Fenced), false));
        assert_eq!(talk.0.next(true), None);
        assert!(!talk.0.join(5));
    }
}

#[test]
fn a_commit_without_an_answer_may_have_taken_effect() {
    let mut talk = Talk::begun(2);
    talk.0.join(5);
    talk.0.end(true);
    talk.asks(true, Asked::End { commit: true }, Answer::Lost);
    assert_eq!(talk.0.not_before(), AGAIN);
    talk.asks(true, Asked::End { commit: true }, Answer::Code(ErrorCode::ProducerFenced));
    assert!(talk.news().unsure);
}

/// Under the same epoch, the commit that was lost on its way could end the next transaction.
#[test]
fn in_version_1_a_request_without_an_answer_costs_the_epoch() {
    let late = |version| {
        let mut talk = Talk::begun(version);
        talk.0.join(5);
        if version == 1 {
            talk.asks(false, Asked::AddPartitions(vec![5]), Answer::Done);
        }
        talk.0.end(true);
        talk.asks(true, Asked::End { commit: true }, Answer::Lost);
        talk
    };
    let mut talk = late(1);
    talk.asks(true, Asked::End { commit: true }, Answer::Done);
    assert_eq!(talk.last(), Ended::Committed);
    talk.asks(false, Asked::InitProducerId, Answer::Identity(NEXT));
    assert!(talk.news().ready);
    talk.0.begin();
    talk.0.end(true);
    assert_eq!(talk.0.next(true), None);
    assert!(talk.news().ready, "once is enough");

    let mut talk = late(2);
    talk.asks(true, Asked::End { commit: true }, Answer::Identity(NEXT));
    assert!(talk.news().ready, "version 2 has another epoch anyway");
}

#[test]
fn the_coordinator_is_found_again_when_it_is_another_or_gone() {
    let find = Asked::FindCoordinator(CoordinatorKind::Transaction);
    let mut talk = Talk::begun(2);
    talk.0.join(5);
    talk.0.end(true);
    let refused = Answer::Code(ErrorCode::NotCoordinator);
    talk.asks(true, Asked::End { commit: true }, refused);
    talk.asks(true, find.clone(), Answer::Code(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(talk.0.target(&find), Target::Any);
    talk.asks(true, find.clone(), Answer::Node(GROUP_COORDINATOR));
    assert_eq!(talk.0.target(&Asked::End { commit: true }), Target::Node(GROUP_COORDINATOR));
    talk.0.node_lost(GROUP_COORDINATOR);
    assert_eq!(talk.0.next(true), Some(find));
}

#[test]
fn while_the_last_end_is_written_it_is_tried_again_soon() {
    let mut talk = Talk::begun(1);
    talk.0.join(5);
    let busy = Answer::Code(ErrorCode::ConcurrentTransactions);
    talk.asks(false, Asked::AddPartitions(vec![5]), busy);
    assert_eq!(talk.0.not_before(), SOON);
    talk.asks(false, Asked::AddPartitions(vec![5]), Answer::Done);
    assert_eq!(talk.0.not_before(), Instant::ZERO);
}

#[test]
fn an_abort_of_what_may_never_have_begun_is_an_abort() {
    let mut talk = Talk::begun(1);
    talk.0.join(5);
    talk.asks(false, Asked::AddPartitions(vec![5]), Answer::Lost);
    talk.0.end(false);
    let unknown = Answer::Code(ErrorCode::InvalidTxnState);
    talk.asks(true, Asked::End { commit: false }, unknown);
    assert_eq!(talk.last(), Ended::Aborted(None));
}

#[test]
fn a_coordinator_that_forgot_the_producer_gives_it_another_epoch() {
    let mut talk = Talk::begun(1);
    talk.0.join(5);
    let forgotten = ErrorCode::InvalidProducerIdMapping;
    talk.asks(false, Asked::AddPartitions(vec![5]), Answer::Code(forgotten));
    talk.0.end(true);
    // Of a transaction that nobody knows no end is told.
    talk.asks(true, Asked::InitProducerId, Answer::Identity(NEXT));
    assert!(matches!(talk.last(), Ended::Aborted(Some(_))));
}

#[test]
fn a_group_that_refuses_its_offsets_dooms_the_transaction_alone() {
    let mut talk = Talk::begun(2);
    talk.0.send_offsets(offsets());
    let find = Asked::FindCoordinator(CoordinatorKind::Group);
    talk.asks(false, find, Answer::Node(GROUP_COORDINATOR));
    let refused = Answer::Code(ErrorCode::IllegalGeneration);
    talk.asks(false, Asked::CommitOffsets, refused);
    let news = talk.news();
    assert!(news.failed.is_none() && news.cause.is_some() && news.offsets_done == 0);
}

#[test]
fn batches_outside_of_a_transaction_are_refused() {
    let mut manager = TransactionManager::default();
    assert!(matches!(manager.refuses_batches(), Some(Refused::Outside)));
    assert!(!manager.join(1));
    let mut talk = Talk::begun(2);
    assert!(talk.0.refuses_batches().is_none());
    talk.0.end(false);
    assert!(matches!(talk.0.refuses_batches(), Some(Refused::Aborted(None))));
}

#[test]
fn a_producer_that_is_closed_aborts_but_lets_a_commit_go_on() {
    let mut talk = Talk::begun(2);
    talk.0.join(5);
    talk.0.end(true);
    talk.0.close();
    talk.asks(true, Asked::End { commit: true }, Answer::Identity(NEXT));
    assert_eq!(talk.last(), Ended::Committed);

    let mut talk = Talk::begun(2);
    talk.0.join(5);
    talk.0.close();
    talk.asks(true, Asked::End { commit: false }, Answer::Identity(NEXT));
    assert_eq!(talk.last(), Ended::Aborted(Some(AbortCause::Closed)));
}
