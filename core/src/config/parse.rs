//! Values of property files: from text to a field's type.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::time::Duration;

#[cfg(feature = "legacy-formats")]
use super::MessageFormat;
use super::{Acks, BrokerAddress, DnsLookup, MetadataRecovery};
use crate::partitioner::PartitionerKind;
use crate::records::compression::{Codec, Compression};

/// What the text should have been, if it is not what its key takes.
pub(super) type Parsed<T> = Result<T, Cow<'static, str>>;

/// Java's `int` and `long`.
pub(super) const INT: i64 = i32::MAX as i64;
pub(super) const LONG: i64 = i64::MAX;

fn integer(text: &str, range: &RangeInclusive<i64>, unit: &str) -> Parsed<i64> {
    match text.trim().parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("a whole number{unit} from {} to {}", range.start(), range.end()).into()),
    }
}

/// A count or a size. A size beyond this target's memory is taken as all of it.
pub(super) fn size(text: &str, range: RangeInclusive<i64>) -> Parsed<usize> {
    let number = integer(text, &range, "")?;
    Ok(usize::try_from(number).unwrap_or(if number < 0 { 0 } else { usize::MAX }))
}

pub(super) fn count(text: &str, range: RangeInclusive<i64>) -> Parsed<u32> {
    Ok(u32::try_from(integer(text, &range, "")?).unwrap_or(u32::MAX))
}

/// A size, or −1 to leave it out.
pub(super) fn size_or_none(text: &str) -> Parsed<Option<usize>> {
    Ok(usize::try_from(integer(text, &(-1..=INT), "")?).ok())
}

pub(super) fn count_or_none(text: &str) -> Parsed<Option<u32>> {
    if text.trim() == "0" {
        return Err("a whole number from 1 to 2147483647, or -1 for no limit".into());
    }
    Ok(u32::try_from(integer(text, &(-1..=INT), "")?).ok())
}

pub(super) fn millis(text: &str, range: RangeInclusive<i64>) -> Parsed<Duration> {
    Ok(Duration::from_millis(integer(text, &range, " of milliseconds")?.unsigned_abs()))
}

/// A time, or any negative number for never.
pub(super) fn millis_or_never(text: &str) -> Parsed<Option<Duration>> {
    let millis = integer(text, &(i64::MIN..=LONG), " of milliseconds")?;
    Ok(u64::try_from(millis).ok().map(Duration::from_millis))
}

pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text.trim() {
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err("true or false".into()),
    }
}

/// Several `host:port`, separated by commas.
pub(super) fn addresses(text: &str) -> Parsed<Vec<BrokerAddress>> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let addresses: Vec<BrokerAddress> = items
        .map(|item| item.parse().map_err(|error| format!("HOST:PORT,…; {error}").into()))
        .collect::<Parsed<_>>()?;
    if addresses.is_empty() { Err("HOST:PORT,…; none is given".into()) } else { Ok(addresses) }
}

pub(super) fn acks(text: &str) -> Parsed<Acks> {
    match text.trim() {
        "all" | "-1" => Ok(Acks::All),
        "1" => Ok(Acks::Leader),
        "0" => Ok(Acks::None),
        _ => Err("all, -1 (the same as all), 1 or 0".into()),
    }
}

pub(super) fn codec(text: &str) -> Parsed<Codec> {
    text.trim().parse().map_err(|_| "none, gzip, snappy, lz4 or zstd".into())
}

/// The format that a version of Kafka was the first or last with: `0.9.0`, `0.10.2-IV0`, `1.0`.
#[cfg(feature = "legacy-formats")]
pub(super) fn message_format(text: &str) -> Parsed<Option<MessageFormat>> {
    let mut numbers = text.trim().split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(0)), Some(Ok(8 | 9))) => Ok(Some(MessageFormat::V0)),
        (Some(Ok(0)), Some(Ok(10))) => Ok(Some(MessageFormat::V1)),
        (Some(Ok(0)), Some(Ok(11))) | (Some(Ok(1..=4)), _) => Ok(Some(MessageFormat::V2)),
        _ => Err("a version of Kafka, such as 0.10.0".into()),
    }
}

/// `codec` at the level that `text` says.
pub(super) fn level(codec: Codec, text: &str) -> Parsed<Compression> {
    let expected = || match (codec.levels(), codec.default_level()) {
        (Some(levels), Some(default)) => Cow::from(format!(
            "a level of {codec} from {} to {}, or {default} for its default",
            levels.start(),
            levels.end()
        )),
        _ => Cow::from(format!("no level: {codec} has none")),
    };
    let level = text.trim().parse().map_err(|_| expected())?;
    Compression::new(codec, Some(level)).map_err(|_| expected())
}

pub(super) fn dns_lookup(text: &str) -> Parsed<DnsLookup> {
    match text.trim() {
        "use_all_dns_ips" => Ok(DnsLookup::UseAllDnsIps),
        "resolve_canonical_bootstrap_servers_only" => {
            Ok(DnsLookup::ResolveCanonicalBootstrapServersOnly)
        }
        _ => Err("use_all_dns_ips or resolve_canonical_bootstrap_servers_only".into()),
    }
}

/// The strategy; its trigger is another key.
pub(super) fn recovery(text: &str) -> Parsed<MetadataRecovery> {
    match text.trim() {
        text if text.eq_ignore_ascii_case("rebootstrap") => Ok(MetadataRecovery::default()),
        text if text.eq_ignore_ascii_case("none") => Ok(MetadataRecovery::None),
        _ => Err("rebootstrap or none".into()),
    }
}

pub(super) fn partitioner(text: &str) -> Parsed<PartitionerKind> {
    text.parse().map_err(|error: crate::partitioner::UnknownPartitioner| {
        let advice = error.advice();
        Cow::from(advice.strip_prefix("expected ").unwrap_or(advice).to_string())
    })
}
