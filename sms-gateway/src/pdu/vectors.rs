//! Vectors whose octets were cross-checked with Wireshark, smpplib, node-smpp, smpp34 and smpp.pdu3; and their mutations.
#![allow(clippy::unwrap_used)]

use super::*;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tokio_util::codec::Decoder;

const SPEC_BIND: &str =
    "0000002f000000020000000000000001534d50503354455354007365637265743038005355424d4954310000010100";
const S1: &str = "000000230000000900000000000000016c643031007077313233343536000034000000";
const S2: &str = "0000001c8000000900000000000000014c44534d5343000210000134";
const S4: &str = "0000003d0000000400000000000000020000003130363930333731303000010138363133383030313338303030000000000000010000000568656c6c6f";
const S5: &str = "0000007a0000000400000000000000030000003130363930333731303030310001013836313338303031333830303000000000003030303030303032303030303030305200010008002a301090d15dde793e7ba1301160a8670900314ef64e8b98795f857b7e6536002c56de590d00317b7e653602040002002a";
const S6: &str = "00000019800000040000000000000003336632613963303100";
const S7: &str = "00000010800000040000005800000004";
const S8: &str = "000000460000000400000000000000050000003130363930333731303000010138363133383030313338303030004000000000010008000e050003a502026c496c496c496c49";
const S9: &str = "000000b2000000050000000000000001000101383631333830303133383030300000003130363930333731303030310004[8]6669643a31303539373537303537207375623a30303120646c7672643a303031207375626d697420646174653a3236313132343135303220646f6e6520646174653a3236313132343135303220737461743a44454c49565244206572723a30303020746578743a0427000102001e0009336632613963303100";
const S10: &str = "0000001180000005000000000000000100";
const S11: &str =
    "0000003c00000005000000000000000200010138363133383030313338303030000000313036393033373130303031[8]080002ff11";
const S14: &str = "00000010800000000000000300000007";
const S17: &str = "0000002c8000000300000000000000093366326139633031003236313132343135303230303033322b000200";

/// `[k]` stands for k zero octets.
pub(crate) fn octets(hex: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = hex;
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('[') {
            let (count, tail) = tail.split_once(']').unwrap();
            out.resize(out.len() + count.parse::<usize>().unwrap(), 0);
            rest = tail;
        } else {
            out.push(u8::from_str_radix(&rest[..2], 16).unwrap());
            rest = &rest[2..];
        }
    }
    out
}

fn s15() -> Vec<u8> {
    let mut frame = octets(
        "000001400000000400000000000000080000003130363930333731303000010138363133383030313338303030000000000000000008000004240104",
    );
    frame.extend([0x6c, 0x49].repeat(130));
    frame
}

fn all() -> Vec<Vec<u8>> {
    let mut frames: Vec<_> =
        [SPEC_BIND, S1, S2, S4, S5, S6, S7, S8, S9, S10, S11, S14, S17].into_iter().map(octets).collect();
    frames.push(s15());
    frames
}

fn decode(frame: &[u8]) -> Pdu {
    Pdu::decode(Bytes::copy_from_slice(frame)).unwrap()
}

fn message(hex: &str) -> Message {
    match decode(&octets(hex)).body {
        Body::Submit(message) | Body::Deliver(message) => *message,
        other => panic!("no message: {other:?}"),
    }
}

#[test]
fn every_vector_is_written_again_octet_for_octet() {
    for frame in all() {
        let mut out = BytesMut::new();
        decode(&frame).encode(&mut out).unwrap();
        assert_eq!(&out[..], &frame[..]);
    }
}

#[test]
fn fields_are_where_the_specification_puts_them() {
    let Body::Bind(BindMode::Transceiver, bind) = decode(&octets(S1)).body else { panic!() };
    assert_eq!((bind.system_id.text().as_str(), bind.password.text().as_str()), ("ld01", "pw123456"));
    assert_eq!(bind.interface_version, 0x34);
    let Body::BindResp(_, Some(resp)) = decode(&octets(S2)).body else { panic!() };
    assert_eq!(resp.tlvs.u8(tag::SC_INTERFACE_VERSION), Some(0x34));
    let hello = message(S4);
    assert_eq!((&*hello.payload(), hello.registered_delivery), (&b"hello"[..], 1));
    assert_eq!((hello.source.number.text(), hello.destination.ton), ("1069037100".into(), 1));
    let sign = message(S5);
    assert_eq!(sign.validity_period, relative_time(std::time::Duration::from_secs(7_200)));
    assert_eq!(sign.tlvs.u16(tag::USER_MESSAGE_REFERENCE), Some(42));
    assert_eq!(message(S8).esm_class, esm::UDHI);
    let receipt = message(S9);
    assert_eq!(receipt.esm_class & esm::TYPE_MASK, esm::RECEIPT);
    assert_eq!(receipt.tlvs.text(tag::RECEIPTED_MESSAGE_ID).unwrap(), "3f2a9c01");
    assert_eq!(&*message(S11).payload(), &[0xff, 0x11]);
    assert_eq!(decode(&octets(S7)).status, Status::RTHROTTLED);
    let Body::Submit(long) = decode(&s15()).body else { panic!() };
    assert_eq!(long.payload().len(), 260);
}

#[test]
fn no_body_and_an_empty_id_are_both_read_from_a_refusal() {
    assert_eq!(decode(&octets(S7)).body, Body::SubmitResp(None, Tlvs::default()));
    let with_empty = octets("0000001180000004000000580000000400");
    assert_eq!(decode(&with_empty).body, Body::SubmitResp(Some(COctet::default()), Tlvs::default()));
    assert_eq!(decode(&octets("00000010800000050000000000000001")).body, Body::DeliverResp(None, Tlvs::default()));
}

#[test]
fn unknown_tlvs_are_kept_in_place() {
    let mut frame = octets(S4);
    frame.extend(octets("1401000301020302040002002a"));
    frame[3] += 13;
    let pdu = decode(&frame);
    let Body::Submit(message) = &pdu.body else { panic!() };
    assert_eq!(message.tlvs.find(0x1401), Some(&[1, 2, 3][..]));
    let mut out = BytesMut::new();
    pdu.encode(&mut out).unwrap();
    assert_eq!(&out[..], &frame[..]);
}

#[test]
fn a_prefix_waits_and_a_cut_body_is_refused_without_losing_the_frame() {
    for frame in all() {
        for cut in 0..frame.len() {
            let mut stream = BytesMut::from(&frame[..cut]);
            assert!(matches!(Codec.decode(&mut stream), Ok(None)), "{cut}");
            if cut < HEADER_LEN {
                continue;
            }
            let mut short = BytesMut::from(&frame[..cut]);
            short[..4].copy_from_slice(&u32::try_from(cut).unwrap().to_be_bytes());
            short.extend_from_slice(&octets(S14));
            let _either = Codec.decode(&mut short).unwrap().unwrap();
            assert!(Codec.decode(&mut short).unwrap().unwrap().is_ok(), "the next PDU is read");
        }
    }
}

#[test]
fn impossible_lengths_end_the_stream() {
    for length in [0_u32, 11, 15, 70_001, 0x8000_0000, u32::MAX] {
        let mut stream = BytesMut::from(&length.to_be_bytes()[..]);
        stream.extend_from_slice(&[0; 12]);
        assert!(matches!(Codec.decode(&mut stream), Err(FrameError::Length(l)) if l == length));
    }
}

#[test]
fn counts_beyond_the_end_are_named() {
    let mut long_text = octets(S4);
    let at = long_text.len() - 6;
    long_text[at] = 200;
    let bad = Pdu::decode(long_text.clone().into()).unwrap_err();
    assert_eq!(bad.fault.unwrap().field, "short_message");
    long_text[at] = 255;
    assert_eq!(Pdu::decode(long_text.into()).unwrap_err().answer().status, Status::RINVMSGLEN);
    let mut long_tlv = octets(S5);
    let at = long_tlv.len() - 3;
    long_tlv[at] = 9;
    let bad = Pdu::decode(long_tlv.into()).unwrap_err();
    assert_eq!(bad.answer().status, Status::RINVOPTPARSTREAM);
    let no_nul = octets("0000001480000004000000000000000341414141");
    assert!(Pdu::decode(no_nul.into()).is_err());
    let unknown = Pdu::decode(octets("000000100000004200000000000000ff").into()).unwrap_err();
    assert_eq!(unknown.answer(), Pdu::response(0xff, Status::RINVCMDID, Body::GenericNack));
}

#[test]
fn destinations_of_submit_multi_are_bounded() {
    for number in [0_u8, 255] {
        let mut frame = octets("0000001500000021000000000000000100");
        frame.extend([0, 0, 0, number]);
        assert_eq!(Pdu::decode(frame.into()).unwrap_err().fault.unwrap().field, "number_of_dests");
    }
}

#[test]
fn tlv_floods_are_cut() {
    let mut frame = octets(S4);
    frame.extend([0x14, 0x01, 0, 0].repeat(MAX_TLVS + 1));
    assert_eq!(Pdu::decode(frame.into()).unwrap_err().fault.unwrap().field, "tlv");
}

#[test]
fn a_pdu_that_does_not_fit_leaves_the_buffer_as_it_was() {
    let mut out = BytesMut::from(&b"before"[..]);
    let message = Message { short_message: vec![0; 255].into(), ..Message::default() };
    assert!(Pdu::request(1, Body::Submit(Box::new(message))).encode(&mut out).is_err());
    assert_eq!(&out[..], b"before");
}

#[test]
fn debug_output_shows_neither_numbers_nor_texts_nor_secrets() {
    for hex in [S1, S4, S9] {
        let shown = format!("{:?}", decode(&octets(hex)));
        for secret in ["13800138000", "hello", "pw123456", "104"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn mutations_never_panic(which in 0_usize..14, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut frame = all()[which].clone();
        for (at, value) in edits {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        frame.truncate(cut.index(frame.len()) + 1);
        let _ = Pdu::decode(frame.clone().into());
        let mut stream = BytesMut::from(&frame[..]);
        while let Ok(Some(_)) = Codec.decode(&mut stream) {}
    }

    #[test]
    fn what_is_read_is_written_and_read_the_same(command in prop::sample::select(vec![1_u32,2,3,4,5,7,8,9,0xb,0x15,0x21,0x102,0x103,0x8000_0004,0x8000_0009,0x8000_0021,0x8000_0003]), body in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..120)) {
        let mut frame = octets("00000000");
        frame.extend(command.to_be_bytes());
        frame.extend([0; 8]);
        frame.extend(body);
        if let Ok(pdu) = Pdu::decode(frame.into()) {
            let mut out = BytesMut::new();
            pdu.encode(&mut out).unwrap();
            prop_assert_eq!(Pdu::decode(out.freeze()).unwrap(), pdu);
        }
    }
}
