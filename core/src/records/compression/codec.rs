//! The codecs by name and id, and their levels.

use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;

use super::CompressionError;

/// A compression codec, with the id that a batch's attributes carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// No compression, id 0.
    #[default]
    None,
    /// gzip (RFC 1952), id 1.
    Gzip,
    /// Snappy blocks in the framing of xerial's snappy-java, id 2.
    Snappy,
    /// The LZ4 frame format with independent blocks of up to 4 MiB, id 3.
    Lz4,
    /// Zstandard (RFC 8878, KIP-110), id 4.
    Zstd,
}

impl Codec {
    /// Every codec, by id.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec's id in a batch's attributes.
    pub const fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The codec with this id in a batch's attributes.
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The codec's name in Kafka's configuration, which is also its Cargo feature.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Whether the codec was compiled in.
    pub const fn is_available(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Snappy => cfg!(feature = "snappy"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// The levels that Kafka's configuration allows (KIP-390); `None` where the codec has no
    /// levels.
    pub const fn levels(self) -> Option<RangeInclusive<i32>> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(1..=9),
            Self::Lz4 => Some(1..=17),
            Self::Zstd => Some(-131_072..=22),
        }
    }

    /// The level that Kafka's clients use where none is set. gzip's -1 means zlib's own default.
    pub const fn default_level(self) -> Option<i32> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(-1),
            Self::Lz4 => Some(9),
            Self::Zstd => Some(3),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownCodec;

impl fmt::Display for UnknownCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown compression codec; use none, gzip, snappy, lz4 or zstd")
    }
}

impl core::error::Error for UnknownCodec {}

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Self, UnknownCodec> {
        Self::ALL.into_iter().find(|codec| codec.name() == name).ok_or(UnknownCodec)
    }
}

/// A codec and how hard it shall try.
///
/// The encoders of this crate have one speed for lz4, and for zstd without the feature `zstd-c`,
/// whatever the level; an encoder given to
/// [`Compressor::with_encoder`](super::Compressor::with_encoder) may heed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compression {
    codec: Codec,
    level: Option<i32>,
}

impl Compression {
    /// No compression.
    pub const NONE: Self = Self { codec: Codec::None, level: None };

    /// A codec at its default level, or at `level`.
    ///
    /// # Errors
    /// [`CompressionError::InvalidLevel`] outside [`Codec::levels`] and not the default.
    pub fn new(codec: Codec, level: Option<i32>) -> Result<Self, CompressionError> {
        let invalid = level.filter(|level| {
            let in_range = codec.levels().is_some_and(|levels| levels.contains(level));
            !in_range && codec.default_level() != Some(*level)
        });
        match invalid {
            None => Ok(Self { codec, level }),
            Some(level) => Err(CompressionError::InvalidLevel { codec, level }),
        }
    }

    /// The codec.
    pub const fn codec(self) -> Codec {
        self.codec
    }

    /// The level: what was asked for, or else the codec's default.
    pub fn level(self) -> Option<i32> {
        self.level.or_else(|| self.codec.default_level())
    }
}

impl From<Codec> for Compression {
    /// The codec at its default level.
    fn from(codec: Codec) -> Self {
        Self { codec, level: None }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn names_and_ids_are_kafkas() {
        for (id, name) in ["none", "gzip", "snappy", "lz4", "zstd"].into_iter().enumerate() {
            let codec: Codec = name.parse().expect("a codec");
            assert_eq!((codec.id(), codec.to_string().as_str()), (id as u8, name));
            assert_eq!(Codec::from_id(id as u8), Some(codec));
        }
        assert_eq!(Codec::from_id(5), None);
        assert_eq!("LZ4".parse::<Codec>(), Err(UnknownCodec));
    }

    #[test]
    fn levels_are_kafkas() {
        for (codec, good, bad) in [
            (Codec::Gzip, &[-1, 1, 9][..], &[0, -2, 10][..]),
            (Codec::Lz4, &[1, 9, 17], &[0, -1, 18]),
            (Codec::Zstd, &[-131_072, -1, 0, 3, 22], &[-131_073, 23]),
            (Codec::Snappy, &[], &[0, 1]),
            (Codec::None, &[], &[0, 1]),
        ] {
            for level in good {
                let compression = Compression::new(codec, Some(*level)).expect("a level");
                assert_eq!((compression.codec(), compression.level()), (codec, Some(*level)));
            }
            for level in bad {
                let error = CompressionError::InvalidLevel { codec, level: *level };
                assert_eq!(Compression::new(codec, Some(*level)), Err(error));
            }
            assert_eq!(Compression::from(codec).level(), codec.default_level());
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        let message = |codec, level| Compression::new(codec, Some(level)).unwrap_err().to_string();
        assert_eq!(message(Codec::Gzip, 10), "gzip has no compression level 10; use 1 to 9");
        let none = "snappy has no compression levels; leave the level out";
        assert_eq!(message(Codec::Snappy, 1), none);
        assert_eq!(
            CompressionError::NotCompiledIn(Codec::Zstd).to_string(),
            "zstd compression isn't compiled in; build with the Cargo feature `zstd`"
        );
    }
}
