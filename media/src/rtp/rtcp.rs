//! RTCP as far as a telephone relay needs it: SR, RR, a CNAME, BYE (RFC 3550 §6).

/// Blocks read of one report; the field allows 31.
const MAX_BLOCKS: usize = 31;
/// Packets read of one compound datagram; more is somebody playing.
const MAX_PACKETS: usize = 16;

/// What the sender says about its own stream (SR only).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// NTP time of the report.
    pub ntp: u64,
    /// The same moment on the media clock.
    pub rtp_timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub bytes: u32,
}

/// What a receiver says about one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source spoken of.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost in all, 24 bits.
    pub cumulative_lost: u32,
    /// Extended highest sequence number.
    pub highest_sequence: u32,
    /// Jitter in units of the media clock.
    pub jitter: u32,
    /// Middle 32 bits of the last SR's NTP time; 0 without one.
    pub last_sr: u32,
    /// Delay since that SR in 1/65,536 s.
    pub delay_since_sr: u32,
}

/// One packet of a compound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RtcpPacket {
    /// Sender or receiver report.
    Report {
        /// Who reports.
        ssrc: u32,
        /// Present in an SR.
        sender: Option<SenderInfo>,
        /// One per source heard.
        blocks: Vec<ReportBlock>,
    },
    /// Sources that left.
    Bye(Vec<u32>),
    /// Any other type.
    Other(u8),
}

/// A compound datagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rtcp {
    /// Its packets in order; reading stops at the first that is malformed.
    pub packets: Vec<RtcpPacket>,
}

impl Rtcp {
    /// Reads what can be read; never panics.
    #[must_use]
    pub fn parse(mut data: &[u8]) -> Self {
        let mut packets = Vec::new();
        while packets.len() < MAX_PACKETS {
            let Some((packet, rest)) = parse_one(data) else {
                break;
            };
            packets.push(packet);
            data = rest;
        }
        Self { packets }
    }
}

fn parse_one(data: &[u8]) -> Option<(RtcpPacket, &[u8])> {
    let head = data.first_chunk::<4>()?;
    if head[0] >> 6 != 2 {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4 + 4;
    let (packet, rest) = data.split_at_checked(length)?;
    let count = usize::from(head[0] & 0x1f);
    let body = &packet[4..];
    let parsed = match head[1] {
        200 => parse_report(body, count, true)?,
        201 => parse_report(body, count, false)?,
        203 => RtcpPacket::Bye(words(body).take(count).collect()),
        other => RtcpPacket::Other(other),
    };
    Some((parsed, rest))
}

fn words(data: &[u8]) -> impl Iterator<Item = u32> + '_ {
    data.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
}

fn parse_report(body: &[u8], count: usize, with_sender: bool) -> Option<RtcpPacket> {
    let mut words = words(body);
    let ssrc = words.next()?;
    let sender = if with_sender { Some(parse_sender(&mut words)?) } else { None };
    let mut blocks = Vec::new();
    for _ in 0..count.min(MAX_BLOCKS) {
        blocks.push(parse_block(&mut words)?);
    }
    Some(RtcpPacket::Report { ssrc, sender, blocks })
}

fn parse_sender(words: &mut impl Iterator<Item = u32>) -> Option<SenderInfo> {
    let (high, low) = (words.next()?, words.next()?);
    Some(SenderInfo {
        ntp: u64::from(high) << 32 | u64::from(low),
        rtp_timestamp: words.next()?,
        packets: words.next()?,
        bytes: words.next()?,
    })
}

fn parse_block(words: &mut impl Iterator<Item = u32>) -> Option<ReportBlock> {
    let ssrc = words.next()?;
    let loss = words.next()?;
    Some(ReportBlock {
        ssrc,
        fraction_lost: (loss >> 24) as u8,
        cumulative_lost: loss & 0xff_ffff,
        highest_sequence: words.next()?,
        jitter: words.next()?,
        last_sr: words.next()?,
        delay_since_sr: words.next()?,
    })
}

/// Appends SR (with `sender`) or RR and a CNAME to `out`, the least compound that RFC 3550 §6.1
/// allows. `cname` is cut to 255 bytes; it must not say who the person is.
pub fn write_report(ssrc: u32, sender: Option<SenderInfo>, blocks: &[ReportBlock], cname: &str, out: &mut Vec<u8>) {
    let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
    let words = 1 + sender.map_or(0, |_| 5) + blocks.len() * 6;
    let packet_type = if sender.is_some() { 200 } else { 201 };
    put_head(blocks.len() as u8, packet_type, words as u16, out);
    put(ssrc, out);
    if let Some(sender) = sender {
        out.extend_from_slice(&sender.ntp.to_be_bytes());
        put(sender.rtp_timestamp, out);
        put(sender.packets, out);
        put(sender.bytes, out);
    }
    for block in blocks {
        put(block.ssrc, out);
        put(u32::from(block.fraction_lost) << 24 | block.cumulative_lost & 0xff_ffff, out);
        put(block.highest_sequence, out);
        put(block.jitter, out);
        put(block.last_sr, out);
        put(block.delay_since_sr, out);
    }
    write_cname(ssrc, cname.as_bytes(), out);
}

fn write_cname(ssrc: u32, cname: &[u8], out: &mut Vec<u8>) {
    let cname = &cname[..cname.len().min(255)];
    let item = 2 + cname.len() + 1; // type, length, text, end of list
    let padded = item.div_ceil(4) * 4;
    put_head(1, 202, (1 + padded / 4) as u16, out);
    put(ssrc, out);
    out.extend_from_slice(&[1, cname.len() as u8]);
    out.extend_from_slice(cname);
    out.extend(std::iter::repeat_n(0, padded - item + 1));
}

/// Appends a BYE of one source to `out`.
pub fn write_bye(ssrc: u32, out: &mut Vec<u8>) {
    put_head(1, 203, 1, out);
    put(ssrc, out);
}

fn put_head(count: u8, packet_type: u8, words: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x80 | count, packet_type]);
    out.extend_from_slice(&words.to_be_bytes());
}

fn put(word: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_compound_reads_back() {
        let sender = SenderInfo { ntp: 1 << 40, rtp_timestamp: 2, packets: 3, bytes: 4 };
        let block = ReportBlock { ssrc: 9, fraction_lost: 12, cumulative_lost: 77, ..Default::default() };
        let mut bytes = Vec::new();
        write_report(5, Some(sender), &[block], "l", &mut bytes);
        write_bye(5, &mut bytes);
        assert_eq!(bytes.len() % 4, 0);
        let expected = RtcpPacket::Report { ssrc: 5, sender: Some(sender), blocks: vec![block] };
        let packets = Rtcp::parse(&bytes).packets;
        assert_eq!(packets, [expected, RtcpPacket::Other(202), RtcpPacket::Bye(vec![5])]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(data: Vec<u8>) {
            let _ = Rtcp::parse(&data);
        }

        #[test]
        fn any_cname_is_padded_to_words(cname in "[a-z]{0,300}") {
            let mut bytes = Vec::new();
            write_report(1, None, &[], &cname, &mut bytes);
            prop_assert_eq!(bytes.len() % 4, 0);
            prop_assert_eq!(Rtcp::parse(&bytes).packets.len(), 2);
        }
    }
}
