//! Message sets against those of Java's producer: `MemoryRecords.withRecords` of Kafka 2.1.1 made
//! the golden bytes, of records `k1`: `value-value-value-value-1` and so on; every third has no
//! key, the third no value. Whole sets have 8 records where they are compressed, else 3.
#![cfg(feature = "legacy-formats")]

use ottla_core::Header;
use ottla_core::partitioner::crc32;
use ottla_core::records::compression::decompress;
use ottla_core::records::message_set::message_set;
use ottla_core::records::{
    BatchBuilder, Codec, Compression, Compressor, MessageFormat, MessageSetError, RecordFields,
};

const TIMESTAMP: i64 = 1_700_000_000_000;
const MAX: usize = 1 << 20;

const V0: &str = "000000000000000000000027264263fb0000ffffffff0000001976616c75652d76616c75652d76616c75652d\
    76616c75652d3000000000000000010000002900fd4f0f0000000000026b310000001976616c75652d76616c\
    75652d76616c75652d76616c75652d310000000000000002000000108b23e3da0000000000026b32ffffffff";
const V1: &str = "00000000000000000000002fc426b79c01000000018bcfe56800ffffffff0000001976616c75652d76616c75\
    652d76616c75652d76616c75652d300000000000000001000000313e8f925301000000018bcfe56801000000\
    026b310000001976616c75652d76616c75652d76616c75652d76616c75652d31000000000000000200000018\
    f585012201000000018bcfe56802000000026b32ffffffff";

const COMPRESSED: [(MessageFormat, Codec, &str); 6] = [
    (
        MessageFormat::V0,
        Codec::Gzip,
        "0000000000000007000000a4a2fcc6b60001ffffffff000000961f8b08000000000000ff636080037535a7e4\
    df0c0cff8100c8932c4bcc294dd5c5240da0ca19815893e1af3f3f98c7946d884f9321541313100b742b3fbe\
    05d56404b50d0498416ed8ef6de448d80dc6502d2c2037ec2db9b2026a9c093e4d26504dac204ddf84d9cda0\
    9a4cf16932856a620339eebce2b173841d6706d5c20eb227e1ce022ea83de6f83499030092674b6089010000",
    ),
    (
        MessageFormat::V0,
        Codec::Snappy,
        "0000000000000007000000da37e641bf0002ffffffff000000cc82534e415050590000000001000000010000\
    00b88903000019015027264263fb0000ffffffff0000001976616c75652d4606000430000901200100000029\
    00fd4f0f050f08026b316e3500011d01012002000000108b23e3da010d0c00026b320d6e0101200300000027\
    bf4b3241868400003301302c0000000400000029bd74d4a8010d0c00026b346e8400011d0101000501350cf6\
    130736010d0c00026b356e3500011d01010006019d0ccf21c6ce869d0009580800000701680c60dca00a0140\
    0c00026b376e68000037",
    ),
    (
        MessageFormat::V0,
        Codec::Lz4,
        "0000000000000007000000dcd0e95a990003ffffffff000000ce04224d1860401abf00000016000100fe0627\
    264263fb0000ffffffff0000001976616c75652d06001330320091010000002900fd4f0f10003f026b313500\
    09001d000002009002000000108b23e3da0d004300026b326e000002009f0300000027bf4b324184000f1033\
    30004000000004840041bd74d4a80e003f026b34840009001d000002001005350040f61307360d004f00026b\
    35350009001d0000020010069d004fcf21c6ce9d000f0258003000000768004060dca00a0d004f00026b3768\
    0005506c75652d3700000000",
    ),
    (
        MessageFormat::V1,
        Codec::Gzip,
        "0000000000000007000000c64d91e9dc01010000018bcfe56807ffffffff000000b01f8b08000000000000ff\
    63608003fd236adbe73002198cdde79f6630fc07022047b22c31a73455179334806a03e930b4eb9f140cd70a\
    6230651be2d36c08d5cc04c4125f5b1995e09a99c09a8da0b6830033c86d062b456be06a9809b9cd18aa9505\
    e4363db5d66f70ad2c60e34df06936816a660569fe60d8f417ae9915acd9149f6653a8663690a3bf797c9185\
    6b6623e46833a8567690bdd3f3ba56c1b5b283ed35c7a7d91c003b537b57c9010000",
    ),
    (
        MessageFormat::V1,
        Codec::Snappy,
        "0000000000000007000000feca6b378e01020000018bcfe56807ffffffff000000e882534e41505059000000\
    000100000001000000d4c90300001901702fc426b79c01000000018bcfe56800ffffffff0000001976616c75\
    652d46060000300d3a013210313e8f92530109053b010908026b316e3d00011d0101200200000018f5850122\
    0134053d011208026b320d7e010120030000002f30a9157c152400030d1e629c00003301382c000000040000\
    00312e2685f6153b011208026b346e9c00011d01010005013d0cf03182fd153d011208026b356e3d00011d01\
    01000601b50cf648f41d153d00067eb500003601380c0000000701780c976e8aaa153b011208026b376e7800\
    0037",
    ),
    (
        MessageFormat::V1,
        Codec::Lz4,
        "00000000000000070000010b7eb9820b01030000018bcfe56807ffffffff000000f504224d18604082e60000\
    0016000100fe0e2fc426b79c01000000018bcfe56800ffffffff0000001976616c75652d060013303a000032\
    0050313e8f92530900013b000009003f026b313d0009001d00000200900200000018f58501223400013d0000\
    120033026b327e0000020095030000002f30a9157c240013031e000f9c000610333800c50000000400000031\
    2e2685f63b000012003f026b349c0009001d0000020010053d0045f03182fd3d000012003f026b353d000900\
    1d000002001006b50045f648f41d3d001f06b5000d103638004000000007780045976e8aaa3b000012003f02\
    6b37780005506c75652d3700000000",
    ),
];

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A finished batch, compressed itself, as the sender has it.
fn batch(records: i64, codec: Codec, headers: &[i64]) -> Vec<u8> {
    let mut batch = BatchBuilder::new(Vec::new());
    for index in 0..records {
        let (key, value) = (format!("k{index}"), format!("value-value-value-value-{index}"));
        let header = [Header { key: "h", value: None }];
        let fields = RecordFields {
            key: (index % 3 != 0).then_some(key.as_bytes()),
            value: (index != 2).then_some(value.as_bytes()),
            headers: if headers.contains(&index) { &header } else { &[] },
        };
        batch.append(&fields, TIMESTAMP + index).unwrap();
    }
    batch.seal(&mut compressor(codec)).unwrap();
    batch.into_bytes()
}

fn compressor(codec: Codec) -> Compressor {
    Compressor::new(Compression::from(codec)).unwrap()
}

fn set(records: i64, format: MessageFormat, codec: Codec) -> Vec<u8> {
    let batch = batch(records, codec, &[]);
    message_set(&batch, format, Some(&mut compressor(codec)), MAX).unwrap()
}

#[test]
fn sets_are_those_of_javas_producer() {
    assert_eq!(set(3, MessageFormat::V0, Codec::None), unhex(V0));
    assert_eq!(set(3, MessageFormat::V1, Codec::None), unhex(V1));
}

/// The message around a compressed set: what is before its checksum, between that and its value's
/// length, and its value.
fn parts(message: &[u8], format: MessageFormat) -> (&[u8], &[u8], &[u8]) {
    let value = if format == MessageFormat::V0 { 26 } else { 34 };
    let size = u32::from_be_bytes(message[8..12].try_into().unwrap()) as usize;
    assert_eq!(size, message.len() - 12, "one message");
    let crc = u32::from_be_bytes(message[12..16].try_into().unwrap());
    assert_eq!(crc, crc32(&message[16..]));
    let len = u32::from_be_bytes(message[value - 4..value].try_into().unwrap()) as usize;
    assert_eq!(len, message.len() - value);
    (&message[..8], &message[16..value - 4], &message[value..])
}

#[test]
fn compressed_sets_are_those_of_javas_producer() {
    for (format, codec, golden) in COMPRESSED {
        let (java, ours) = (unhex(golden), set(8, format, codec));
        let (java, ours) = (parts(&java, format), parts(&ours, format));
        assert_eq!((ours.0, ours.1), (java.0, java.1), "{format:?} {codec}");
        let inner = [java.2, ours.2].map(|value| {
            let mut frame = value.to_vec();
            if codec == Codec::Lz4 {
                // The checksum of the frame's header, with and without KIP-57's mistake.
                let v0 = format == MessageFormat::V0;
                assert_eq!(
                    frame[..7],
                    [4, 0x22, 0x4d, 0x18, 0x60, 0x40, if v0 { 0x1a } else { 0x82 }]
                );
                frame[6] = 0x82;
            }
            let mut out = Vec::new();
            decompress(codec, &frame, &mut out, MAX).unwrap();
            out
        });
        assert_eq!(inner[1], inner[0], "{format:?} {codec}");
        assert_eq!(inner[1], set(8, format, Codec::None), "{format:?} {codec}");
    }
}

#[test]
fn what_does_not_shrink_is_not_wrapped() {
    let batch = batch(1, Codec::None, &[]);
    let set = message_set(&batch, MessageFormat::V1, Some(&mut compressor(Codec::Snappy)), MAX);
    let plain = message_set(&batch, MessageFormat::V1, None, MAX);
    assert_eq!(set.unwrap(), plain.unwrap());
}

#[test]
fn what_message_sets_do_not_have_is_refused() {
    let batch = batch(4, Codec::None, &[1, 3]);
    let refused = |compressor: Option<&mut Compressor>, batch: &[u8]| {
        message_set(batch, MessageFormat::V1, compressor, MAX).unwrap_err()
    };
    assert_eq!(refused(None, &batch), MessageSetError::Headers(vec![1, 3]));
    let plain = self::batch(9, Codec::None, &[]);
    let zstd = refused(Some(&mut compressor(Codec::Zstd)), &plain);
    assert_eq!(zstd, MessageSetError::Codec(Codec::Zstd));
    assert!(matches!(refused(None, &plain[..70]), MessageSetError::Batch(_)));
}
