//! What an installation decides. Here it comes with the debugger's command line; a product keeps it
//! in flash.

use alloc::vec::Vec;
use core::time::Duration;

use ottla_core::{BrokerAddress, Codec, ProducerConfig};

use crate::intake::Policy;
use crate::{CONNECTIONS, board, memory};

/// What the producer's bookkeeping takes beside the terms of its memory budget: metadata, lanes,
/// the futures of connections. Measured, with room to spare.
const BOOKKEEPING: usize = 10 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    bootstrap: Vec<BrokerAddress>,
    pub(crate) topic: &'static str,
    pub(crate) policy: Policy,
    record_buffer: usize,
}

/// What holds records until a broker has them, unless the installation says otherwise.
const RECORD_BUFFER_KIB: usize = 24;

impl Settings {
    /// From words: `BROKER:PORT,… TOPIC [newest|oldest|block [RECORD_BUFFER_KIB]]`.
    pub(crate) fn load(command_line: &'static str) -> Self {
        let mut words = command_line.split_ascii_whitespace();
        let addresses = words.next().unwrap_or_default().split(',').map(str::parse);
        let (Ok(bootstrap), Some(topic)) = (addresses.collect(), words.next()) else {
            board::refuse(format_args!("expected BROKER:PORT,… TOPIC, got `{command_line}`"));
        };
        let policy = match words.next() {
            Some("newest") => Policy::DropNewest,
            Some("oldest") => Policy::DropOldest,
            Some("block") | None => Policy::Block,
            Some(other) => board::refuse(format_args!("no such policy: {other}")),
        };
        let kib = match words.next().map(str::parse) {
            None => RECORD_BUFFER_KIB,
            Some(Ok(kib)) => kib,
            Some(Err(_)) => board::refuse(format_args!("not a number of KiB: `{command_line}`")),
        };
        Self { bootstrap, topic, policy, record_buffer: kib.saturating_mul(1024) }
    }

    /// Records in batches of 2 KiB, compressed; kept until a broker takes them, however
    /// long the network is gone.
    pub(crate) fn producer_config(&self) -> ProducerConfig {
        const A_FORTNIGHT: Duration = Duration::from_secs(14 * 24 * 60 * 60);
        let mut config = ProducerConfig::small();
        config.bootstrap_servers = self.bootstrap.clone();
        config.client_id = "gateway".into();
        config.buffer_memory = self.record_buffer;
        config.max_request_size = config.batch_size;
        config.receive_max_bytes = 1536;
        config.max_connections = Some(CONNECTIONS as u32);
        config.compression = Codec::Lz4.into();
        config.linger = Duration::from_millis(100);
        config.request_timeout = Duration::from_secs(10);
        config.delivery_timeout = A_FORTNIGHT;
        config.max_block = A_FORTNIGHT;
        config
    }

    /// Better not to start than to fail when the first outage fills the buffers.
    pub(crate) fn refuse_if_memory_is_short(&self) {
        let budget = self.producer_config().memory(CONNECTIONS);
        let (needed, free) = (budget.total() + BOOKKEEPING, memory::heap_free());
        board::print(format_args!("{budget}"));
        board::print(format_args!("heap: {free} bytes, needed: {needed}"));
        if free < needed {
            board::refuse(format_args!("the heap of {free} bytes is too small: {needed} needed"));
        }
    }
}
