//! Batched UDP: `recvmmsg`, `sendmmsg` and UDP generic segmentation offload (Linux ≥ 4.18).

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use libc::{c_int, c_void, cmsghdr, iovec, mmsghdr, sockaddr_storage};
use socket2::{SockAddr, SockAddrStorage, SockRef};

use crate::rtp::MAX_PACKET;

/// Datagrams per system call. Sixteen already hides the cost of the call; more only costs cache.
pub const BATCH: usize = 16;
/// Segments of one GSO send; the kernel allows 64 (`UDP_MAX_SEGMENTS`).
const MAX_SEGMENTS: usize = 64;
/// Bytes of one GSO send: an IPv4 datagram's limit less headers.
const MAX_GSO_BYTES: usize = 65_000;
/// `UDP_SEGMENT` of linux/udp.h; libc names it only on some targets.
const UDP_SEGMENT: c_int = 103;

/// Buffers for one `recvmmsg`; make one per thread and reuse it for every socket.
pub struct RecvBatch {
    buffers: Box<[[u8; MAX_PACKET]; BATCH]>,
    lengths: [usize; BATCH],
    sources: [Option<SocketAddr>; BATCH],
    count: usize,
}

impl Default for RecvBatch {
    fn default() -> Self {
        Self { buffers: Box::new([[0; MAX_PACKET]; BATCH]), lengths: [0; BATCH], sources: [None; BATCH], count: 0 }
    }
}

impl RecvBatch {
    /// Receives up to [`BATCH`] waiting datagrams without blocking; returns how many.
    ///
    /// Fewer than [`BATCH`] means that the socket was empty, so an edge-triggered poll needs no
    /// second call. Datagrams longer than [`MAX_PACKET`] are dropped: cut ones would only mislead.
    ///
    /// # Errors
    /// As `recvmmsg(2)`; [`io::ErrorKind::WouldBlock`] if nothing waits.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.count = 0;
        let mut names = [const { MaybeUninit::<sockaddr_storage>::zeroed() }; BATCH];
        let mut vectors = [iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH];
        // SAFETY: all-zero bytes are a valid mmsghdr: null pointers with zero lengths.
        let mut messages: [mmsghdr; BATCH] = unsafe { mem::zeroed() };
        for (index, buffer) in self.buffers.iter_mut().enumerate() {
            vectors[index] = iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: MAX_PACKET };
            let header = &mut messages[index].msg_hdr;
            header.msg_name = names[index].as_mut_ptr().cast();
            header.msg_namelen = mem::size_of::<sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[index];
            header.msg_iovlen = 1;
        }
        // SAFETY: each header points to one iovec over a live buffer of MAX_PACKET bytes and to one
        // sockaddr_storage; all outlive the call, and vlen is the arrays' length. A null timeout
        // is allowed.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for index in 0..received {
            let message = &messages[index];
            let cut = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            self.lengths[index] = (message.msg_len as usize).min(MAX_PACKET);
            // SAFETY: zeroed storage is valid for every address family, and the kernel wrote the
            // first msg_namelen bytes.
            let name = unsafe { names[index].assume_init_ref() };
            self.sources[index] = if cut { None } else { to_address(name) };
        }
        self.count = received;
        Ok(received)
    }

    /// The datagrams of the last [`receive`](Self::receive) with where they came from.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        (0..self.count).filter_map(|index| Some((self.sources[index]?, &self.buffers[index][..self.lengths[index]])))
    }
}

fn to_address(name: &sockaddr_storage) -> Option<SocketAddr> {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: SockAddrStorage is a transparent wrapper of sockaddr_storage (socket2 documents
    // view_as for this); a plain copy of the bytes.
    unsafe { *storage.view_as::<sockaddr_storage>() = *name };
    // SAFETY: the storage holds what the kernel wrote; the length is that of the whole storage,
    // which is never shorter than the address within.
    let address = unsafe { SockAddr::new(storage, mem::size_of::<sockaddr_storage>() as libc::socklen_t) };
    address.as_socket()
}

/// Sends datagrams with as few `sendmmsg` calls as possible; returns how many the kernel took.
///
/// One that fails (unreachable, buffer full) is skipped: a media packet is not worth waiting for.
pub fn send_batch(socket: &UdpSocket, datagrams: &[(SocketAddr, &[u8])]) -> usize {
    let mut sent = 0;
    for chunk in datagrams.chunks(BATCH) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let taken = send_chunk(socket, rest);
            sent += taken;
            // sendmmsg stops before the first that fails: pass over it.
            rest = rest.get(taken + 1..).filter(|_| taken < rest.len()).unwrap_or(&[]);
        }
    }
    sent
}

fn send_chunk(socket: &UdpSocket, datagrams: &[(SocketAddr, &[u8])]) -> usize {
    let count = datagrams.len().min(BATCH);
    let mut names: [Option<SockAddr>; BATCH] = [const { None }; BATCH];
    let mut vectors = [iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH];
    // SAFETY: all-zero bytes are a valid mmsghdr: null pointers with zero lengths.
    let mut messages: [mmsghdr; BATCH] = unsafe { mem::zeroed() };
    for (index, (to, data)) in datagrams.iter().take(count).enumerate() {
        let name = names[index].insert(SockAddr::from(*to));
        vectors[index] = iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
        let header = &mut messages[index].msg_hdr;
        header.msg_name = name.as_ptr().cast_mut().cast();
        header.msg_namelen = name.len();
        header.msg_iov = &raw mut vectors[index];
        header.msg_iovlen = 1;
    }
    // SAFETY: the first `count` headers point to live addresses and buffers; sendmmsg only reads
    // through them.
    let taken = unsafe {
        libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count as libc::c_uint, libc::MSG_DONTWAIT as _)
    };
    usize::try_from(taken).unwrap_or(0)
}

/// Sends `data` to one peer as datagrams of `segment` bytes (the last may be shorter), with one
/// system call per 64 segments where the kernel can segment (UDP GSO), else with `sendmmsg`.
///
/// Returns how many bytes the kernel took.
pub fn send_segments(socket: &UdpSocket, to: SocketAddr, data: &[u8], segment: u16) -> usize {
    let size = usize::from(segment.max(1));
    let per_call = (MAX_GSO_BYTES / size).clamp(1, MAX_SEGMENTS) * size;
    let mut sent = 0;
    for part in data.chunks(per_call) {
        sent += match send_gso(socket, to, part, segment.max(1)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            // EINVAL, EIO, ENOPROTOOPT: this kernel or card cannot.
            Err(_) => {
                let datagrams: Vec<_> = part.chunks(size).map(|data| (to, data)).collect();
                send_batch(socket, &datagrams) * size
            }
        };
    }
    sent.min(data.len())
}

fn send_gso(socket: &UdpSocket, to: SocketAddr, data: &[u8], segment: u16) -> io::Result<usize> {
    /// Room for one aligned control message with a u16.
    #[repr(C)]
    union Control {
        bytes: [u8; 64],
        _align: cmsghdr,
    }
    let name = SockAddr::from(to);
    let mut vector = iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let mut control = Control { bytes: [0; 64] };
    // SAFETY: all-zero bytes are a valid msghdr.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_name = name.as_ptr().cast_mut().cast();
    header.msg_namelen = name.len();
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    header.msg_control = (&raw mut control).cast::<c_void>();
    // SAFETY: CMSG_SPACE is a pure computation; 64 bytes are more than it returns for two bytes.
    header.msg_controllen = unsafe { libc::CMSG_SPACE(2) } as _;
    // SAFETY: msg_control points to an aligned buffer of at least msg_controllen bytes, so the
    // first header and its two data bytes lie inside it; the write is unaligned-safe.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        (*message).cmsg_level = libc::SOL_UDP;
        (*message).cmsg_type = UDP_SEGMENT;
        (*message).cmsg_len = libc::CMSG_LEN(2) as _;
        libc::CMSG_DATA(message).cast::<u16>().write_unaligned(segment);
    }
    // SAFETY: the header points to live name, iovec, data and control; sendmsg only reads them.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Sets the kernel's buffers, bytes; a kernel that grants less is not an error.
pub fn set_buffers(socket: &UdpSocket, receive: usize, send: usize) {
    let socket = SockRef::from(socket);
    let _ = socket.set_recv_buffer_size(receive);
    let _ = socket.set_send_buffer_size(send);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pair() -> (UdpSocket, UdpSocket, SocketAddr) {
        let (a, b) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        b.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let to = b.local_addr().unwrap();
        (a, b, to)
    }

    #[test]
    fn a_batch_arrives_whole_with_its_source() {
        let (a, b, to) = pair();
        let payloads: Vec<Vec<u8>> = (0..40u8).map(|i| vec![i; usize::from(i) + 1]).collect();
        let datagrams: Vec<_> = payloads.iter().map(|p| (to, &p[..])).collect();
        assert_eq!(send_batch(&a, &datagrams), 40);
        b.peek(&mut [0; 1]).unwrap();
        let (mut batch, mut heard) = (RecvBatch::default(), Vec::new());
        while heard.len() < 40 {
            batch.receive(&b).unwrap();
            heard.extend(batch.iter().map(|(from, data)| {
                assert_eq!(from, a.local_addr().unwrap());
                data.to_vec()
            }));
        }
        assert_eq!(heard, payloads);
        assert_eq!(batch.receive(&b).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn one_bad_destination_does_not_stop_the_others() {
        let (a, b, to) = pair();
        let bad: SocketAddr = "[::1]:9".parse().unwrap(); // not reachable from an IPv4 socket
        assert_eq!(send_batch(&a, &[(to, b"1"), (bad, b"2"), (to, b"3")]), 2);
        let mut buffer = [0; 8];
        let first = b.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..first], b"1");
        b.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..1], b"3");
    }

    #[test]
    fn segments_become_datagrams() {
        let (a, b, to) = pair();
        let data: Vec<u8> = (0..2_500u16).map(|i| i as u8).collect();
        assert_eq!(send_segments(&a, to, &data, 1_000), data.len());
        let (mut heard, mut buffer) = (Vec::new(), [0; 1_500]);
        for expected in [1_000, 1_000, 500] {
            let length = b.recv(&mut buffer).unwrap();
            assert_eq!(length, expected);
            heard.extend_from_slice(&buffer[..length]);
        }
        assert_eq!(heard, data);
    }

    #[test]
    fn datagrams_longer_than_the_buffer_are_dropped() {
        let (a, b, to) = pair();
        a.send_to(&[1; MAX_PACKET + 1], to).unwrap();
        a.send_to(&[2; 10], to).unwrap();
        let (mut batch, mut heard) = (RecvBatch::default(), Vec::new());
        while heard.is_empty() {
            b.peek(&mut [0; 1]).unwrap();
            batch.receive(&b).unwrap();
            heard.extend(batch.iter().map(|(_, data)| data.to_vec()));
        }
        assert_eq!(heard, [vec![2; 10]]);
    }
}
