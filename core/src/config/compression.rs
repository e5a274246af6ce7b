//! Which codec compresses a batch, and how hard.

/// A compression codec of the record batch format, with its id in the batch's attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Codec {
    /// Records are sent as they are.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy in xerial's framing, as Java's producer writes it.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// RFC 8878 (KIP-110, brokers 2.1 and newer).
    Zstd,
}

/// A codec and its level (`compression.type`, `compression.CODEC.level`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compression {
    /// The codec; none by default.
    pub codec: Codec,
    /// The codec's own level; `None` is the codec's default. Snappy has no levels.
    pub level: Option<i32>,
}
