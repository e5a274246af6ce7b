//! Brokers that take message sets in place of record batches: Produce 0 to 2.
//!
//! Batches are what they always are; here they are written anew for one request, when it is known
//! who gets it. So an upgrade of the brokers is noticed with the next batch, also by one that is
//! sent again, and nothing else knows of the old formats. It costs a second compression and, while
//! a request is on its way, its bytes beside `buffer.memory`.

use alloc::vec::Vec;
use core::mem;

use super::Sender;
use super::node::Sent;
use crate::error::{ErrorCode, Reason};
use crate::protocol::api_key::ApiKey;
use crate::protocol::api_versions::NodeVersions;
use crate::records::message_set::{MessageFormat, MessageSetError, message_set};
use crate::sync::Platform;
use crate::time::Instant;

impl<X: Platform> Sender<X> {
    /// The version of Produce to use where `version` would be if it were not for its format:
    /// `message.format.version` may want an older one, and idempotence needs record batches.
    pub(super) fn in_format(&self, version: Option<i16>, versions: &NodeVersions) -> Option<i16> {
        let config = self.config();
        let version = match config.message_format {
            Some(format) => {
                versions.select_at_most(ApiKey::Produce, version?.min(format.produce_limit()))
            }
            None => version,
        };
        let wanted = |version: &i16| match MessageFormat::of_produce(*version) {
            MessageFormat::V2 => true,
            format => {
                !config.enable_idempotence && config.message_format.is_none_or(|it| it == format)
            }
        };
        version.filter(wanted)
    }

    /// Writes the batches in the format of this version of Produce. False if none is left to send.
    pub(super) fn fit_format(
        &mut self,
        version: i16,
        batches: &mut Vec<Sent<X>>,
        now: Instant,
    ) -> bool {
        let format = MessageFormat::of_produce(version);
        if format != MessageFormat::V2 {
            let all = mem::take(batches);
            batches.extend(all.into_iter().filter_map(|sent| self.fit(format, sent, now)));
        }
        !batches.is_empty()
    }

    fn fit(&mut self, format: MessageFormat, mut sent: Sent<X>, now: Instant) -> Option<Sent<X>> {
        let (lane, limit) = (sent.lane, self.most_uncompressed());
        let compression = self.topics[self.lanes[lane as usize].topic].state.compression;
        let set = self.shared.with_compressor(compression, |compressor| {
            message_set(sent.batch.bytes(), format, compressor, limit)
        });
        match set {
            Ok(set) => {
                sent.message_set = Some(set);
                return Some(sent);
            }
            Err(error) => self.refuse_records(sent, &error),
        }
        self.schedule(lane, now);
        None
    }

    /// Fails the records that the format can't hold, and sends the others again.
    fn refuse_records(&mut self, sent: Sent<X>, error: &MessageSetError) {
        let Sent { lane, batch, .. } = sent;
        match error {
            MessageSetError::Headers(indexes) => {
                let error = batch.failed(Reason::MessageFormat(
                    "the broker is older than Kafka 0.11, whose records have no headers",
                ));
                if indexes.len() as u32 == batch.record_count() {
                    self.fail(lane, batch, error);
                } else {
                    let invalid = indexes.iter().map(|index| (*index, error.clone()));
                    self.resend_valid(lane, batch, invalid.collect());
                }
            }
            MessageSetError::Codec(_) => {
                let error = batch.failed(Reason::MessageFormat(
                    "the broker is older than Kafka 0.11, which knows no zstd; set another \
                     compression.type",
                ));
                self.fail(lane, batch, error);
            }
            MessageSetError::Batch(_) => {
                let error = batch.failed(Reason::Broker(ErrorCode::CorruptMessage));
                self.fail(lane, batch, error);
            }
        }
    }
}
