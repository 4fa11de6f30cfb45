//! The bodies of all SMPP 3.4 commands, field by field in the order of SMPP 3.4 §4. One table of a file: no behaviour.

use super::address::Address;
use super::tlv::{Tlvs, tag};
use super::wire::{COctet, FieldError, FieldFault, Octets, Put, Reader};
use bytes::{BufMut, Bytes, BytesMut};

/// Longest `short_message` in octets (SMPP 3.4 §5.2.22); longer texts go into [`tag::MESSAGE_PAYLOAD`].
const MAX_SHORT_MESSAGE: usize = 254;
/// Most destinations of one `submit_multi` (SMPP 3.4 §4.5.1).
const MAX_DESTINATIONS: usize = 254;

/// Which of the three binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindMode {
    /// Only receives.
    Receiver,
    /// Only submits.
    Transmitter,
    /// Both: what our client uses.
    Transceiver,
}

/// Body of a bind request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)] // fields as in SMPP 3.4 §4.1.1
pub struct Bind {
    pub system_id: COctet<16>,
    pub password: COctet<9>,
    pub system_type: COctet<13>,
    pub interface_version: u8,
    pub addr_ton: u8,
    pub addr_npi: u8,
    pub address_range: COctet<41>,
}

/// Body of a bind response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)] // SMPP 3.4 §4.1.2
pub struct BindResp {
    pub system_id: COctet<16>,
    pub tlvs: Tlvs,
}

/// Body of an outbind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)] // SMPP 3.4 §4.1.7
pub struct Outbind {
    pub system_id: COctet<16>,
    pub password: COctet<9>,
}

/// Body of `submit_sm` and `deliver_sm` (SMPP 3.4 §4.4.1, §4.6.1: one layout).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)] // fields as in the specification
pub struct Message {
    pub service_type: COctet<6>,
    pub source: Address,
    pub destination: Address,
    pub esm_class: u8,
    pub protocol_id: u8,
    pub priority_flag: u8,
    pub schedule_delivery_time: COctet<17>,
    pub validity_period: COctet<17>,
    pub registered_delivery: u8,
    pub replace_if_present: u8,
    pub data_coding: u8,
    pub sm_default_msg_id: u8,
    /// At most 254 octets.
    pub short_message: Octets,
    pub tlvs: Tlvs,
}

impl Message {
    /// The octets of the text with its user data header, from whichever of the two fields holds it.
    pub fn payload(&self) -> Bytes {
        if !self.short_message.is_empty() {
            return self.short_message.0.clone();
        }
        let payload = self.tlvs.0.iter().find(|tlv| tlv.tag == tag::MESSAGE_PAYLOAD);
        payload.map(|tlv| tlv.value.0.clone()).unwrap_or_default()
    }

    /// Whether the text stands in both fields, which is forbidden.
    pub fn has_two_texts(&self) -> bool {
        !self.short_message.is_empty() && self.tlvs.find(tag::MESSAGE_PAYLOAD).is_some()
    }
}

/// Body of `data_sm` (SMPP 3.4 §4.7.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Data {
    pub service_type: COctet<6>,
    pub source: Address<65>,
    pub destination: Address<65>,
    pub esm_class: u8,
    pub registered_delivery: u8,
    pub data_coding: u8,
    pub tlvs: Tlvs,
}

impl Data {
    /// The same message in the layout of `deliver_sm`. Fails if an address is longer than 20 octets.
    pub fn to_message(&self) -> Result<Message, FieldError> {
        let short = |address: &Address<65>, field| -> Result<Address, FieldError> {
            let number = COctet::new(address.number.as_bytes()).map_err(|fault| fault.at(field))?;
            Ok(Address { ton: address.ton, npi: address.npi, number })
        };
        Ok(Message {
            service_type: self.service_type.clone(),
            source: short(&self.source, "source_addr")?,
            destination: short(&self.destination, "destination_addr")?,
            esm_class: self.esm_class,
            registered_delivery: self.registered_delivery,
            data_coding: self.data_coding,
            tlvs: self.tlvs.clone(),
            ..Message::default()
        })
    }
}

/// A receiver of `submit_multi`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `dest_flag` 1.
    Number(Address),
    /// `dest_flag` 2: a distribution list kept by the centre.
    List(COctet<21>),
}

/// Body of `submit_multi` (SMPP 3.4 §4.5.1). `message.destination` is not on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Multi {
    /// At most 254.
    pub destinations: Vec<Destination>,
    pub message: Message,
}

/// A refused receiver in [`MultiResp`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Unsuccessful {
    pub destination: Address,
    pub error: u32,
}

/// Body of `submit_multi_resp`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct MultiResp {
    pub message_id: COctet<65>,
    /// At most 254.
    pub unsuccessful: Vec<Unsuccessful>,
}

/// Body of `query_sm`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Query {
    pub message_id: COctet<65>,
    pub source: Address,
}

/// Body of `query_sm_resp`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct QueryResp {
    pub message_id: COctet<65>,
    pub final_date: COctet<17>,
    pub message_state: u8,
    pub error_code: u8,
}

/// Body of `cancel_sm`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Cancel {
    pub service_type: COctet<6>,
    pub message_id: COctet<65>,
    pub source: Address,
    pub destination: Address,
}

/// Body of `replace_sm`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Replace {
    pub message_id: COctet<65>,
    pub source: Address,
    pub schedule_delivery_time: COctet<17>,
    pub validity_period: COctet<17>,
    pub registered_delivery: u8,
    pub sm_default_msg_id: u8,
    pub short_message: Octets,
}

/// Body of `alert_notification`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Alert {
    pub source: Address<65>,
    pub esme: Address<65>,
    pub tlvs: Tlvs,
}

/// A command with its body. `None` in a response: no body on the wire, which is right with an error status.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // each variant is the command of its name
pub enum Body {
    GenericNack,
    Bind(BindMode, Bind),
    BindResp(BindMode, Option<BindResp>),
    Outbind(Outbind),
    Unbind,
    UnbindResp,
    EnquireLink,
    EnquireLinkResp,
    Submit(Box<Message>),
    SubmitResp(Option<COctet<65>>, Tlvs),
    Deliver(Box<Message>),
    DeliverResp(Option<COctet<65>>, Tlvs),
    Data(Box<Data>),
    DataResp(Option<COctet<65>>, Tlvs),
    Multi(Box<Multi>),
    MultiResp(Option<MultiResp>),
    Query(Query),
    QueryResp(Option<QueryResp>),
    Cancel(Box<Cancel>),
    CancelResp,
    Replace(Box<Replace>),
    ReplaceResp,
    Alert(Box<Alert>),
}

impl Body {
    /// The `command_id` (SMPP 3.4 table 5-1).
    pub fn command(&self) -> u32 {
        match self {
            Self::GenericNack => 0x8000_0000,
            Self::Bind(BindMode::Receiver, _) => 0x0000_0001,
            Self::BindResp(BindMode::Receiver, _) => 0x8000_0001,
            Self::Bind(BindMode::Transmitter, _) => 0x0000_0002,
            Self::BindResp(BindMode::Transmitter, _) => 0x8000_0002,
            Self::Query(_) => 0x0000_0003,
            Self::QueryResp(_) => 0x8000_0003,
            Self::Submit(_) => 0x0000_0004,
            Self::SubmitResp(..) => 0x8000_0004,
            Self::Deliver(_) => 0x0000_0005,
            Self::DeliverResp(..) => 0x8000_0005,
            Self::Unbind => 0x0000_0006,
            Self::UnbindResp => 0x8000_0006,
            Self::Replace(_) => 0x0000_0007,
            Self::ReplaceResp => 0x8000_0007,
            Self::Cancel(_) => 0x0000_0008,
            Self::CancelResp => 0x8000_0008,
            Self::Bind(BindMode::Transceiver, _) => 0x0000_0009,
            Self::BindResp(BindMode::Transceiver, _) => 0x8000_0009,
            Self::Outbind(_) => 0x0000_000B,
            Self::EnquireLink => 0x0000_0015,
            Self::EnquireLinkResp => 0x8000_0015,
            Self::Multi(_) => 0x0000_0021,
            Self::MultiResp(_) => 0x8000_0021,
            Self::Alert(_) => 0x0000_0102,
            Self::Data(_) => 0x0000_0103,
            Self::DataResp(..) => 0x8000_0103,
        }
    }

    /// Reads the body of a command. `Ok(None)`: no such command.
    pub(super) fn read(command: u32, reader: &mut Reader) -> Result<Option<Self>, FieldError> {
        let mode = match command & 0x7FFF_FFFF {
            1 => BindMode::Receiver,
            2 => BindMode::Transmitter,
            _ => BindMode::Transceiver,
        };
        Ok(Some(match command {
            0x8000_0000 => Self::GenericNack,
            1 | 2 | 9 => Self::Bind(mode, read_bind(reader)?),
            0x8000_0001 | 0x8000_0002 | 0x8000_0009 => Self::BindResp(mode, read_bind_resp(reader)?),
            3 => Self::Query(read_query(reader)?),
            0x8000_0003 => Self::QueryResp(read_query_resp(reader)?),
            4 => Self::Submit(Box::new(read_message(reader, true)?)),
            0x8000_0004 => read_id_resp(reader).map(|(id, tlvs)| Self::SubmitResp(id, tlvs))?,
            5 => Self::Deliver(Box::new(read_message(reader, true)?)),
            0x8000_0005 => read_id_resp(reader).map(|(id, tlvs)| Self::DeliverResp(id, tlvs))?,
            6 => Self::Unbind,
            0x8000_0006 => Self::UnbindResp,
            7 => Self::Replace(Box::new(read_replace(reader)?)),
            0x8000_0007 => Self::ReplaceResp,
            8 => Self::Cancel(Box::new(read_cancel(reader)?)),
            0x8000_0008 => Self::CancelResp,
            0x0B => Self::Outbind(read_outbind(reader)?),
            0x15 => Self::EnquireLink,
            0x8000_0015 => Self::EnquireLinkResp,
            0x21 => Self::Multi(Box::new(read_multi(reader)?)),
            0x8000_0021 => Self::MultiResp(read_multi_resp(reader)?),
            0x102 => Self::Alert(Box::new(read_alert(reader)?)),
            0x103 => Self::Data(Box::new(read_data(reader)?)),
            0x8000_0103 => read_id_resp(reader).map(|(id, tlvs)| Self::DataResp(id, tlvs))?,
            _ => return Ok(None),
        }))
    }

    /// Appends the body. Fails on a text or a list that its count octet cannot hold.
    pub(super) fn write(&self, out: &mut BytesMut) -> Result<(), FieldError> {
        match self {
            Self::GenericNack | Self::Unbind | Self::UnbindResp | Self::EnquireLink | Self::EnquireLinkResp => {}
            Self::CancelResp | Self::ReplaceResp => {}
            Self::Bind(_, bind) => write_bind(bind, out),
            Self::BindResp(_, resp) => {
                if let Some(resp) = resp {
                    out.c_octet(&resp.system_id);
                    resp.tlvs.write(out)?;
                }
            }
            Self::Outbind(outbind) => {
                out.c_octet(&outbind.system_id);
                out.c_octet(&outbind.password);
            }
            Self::Submit(message) | Self::Deliver(message) => write_message(message, None, out)?,
            Self::SubmitResp(id, tlvs) | Self::DeliverResp(id, tlvs) | Self::DataResp(id, tlvs) => {
                if let Some(id) = id {
                    out.c_octet(id);
                    tlvs.write(out)?;
                }
            }
            Self::Data(data) => write_data(data, out)?,
            Self::Multi(multi) => write_message(&multi.message, Some(&multi.destinations), out)?,
            Self::MultiResp(resp) => {
                if let Some(resp) = resp {
                    write_multi_resp(resp, out)?;
                }
            }
            Self::Query(query) => {
                out.c_octet(&query.message_id);
                query.source.write(out);
            }
            Self::QueryResp(resp) => {
                if let Some(resp) = resp {
                    out.c_octet(&resp.message_id);
                    out.c_octet(&resp.final_date);
                    out.put_slice(&[resp.message_state, resp.error_code]);
                }
            }
            Self::Cancel(cancel) => {
                out.c_octet(&cancel.service_type);
                out.c_octet(&cancel.message_id);
                cancel.source.write(out);
                cancel.destination.write(out);
            }
            Self::Replace(replace) => write_replace(replace, out)?,
            Self::Alert(alert) => {
                alert.source.write(out);
                alert.esme.write(out);
                alert.tlvs.write(out)?;
            }
        }
        Ok(())
    }
}

fn read_bind(r: &mut Reader) -> Result<Bind, FieldError> {
    Ok(Bind {
        system_id: r.c_octet("system_id")?,
        password: r.c_octet("password")?,
        system_type: r.c_octet("system_type")?,
        interface_version: r.u8("interface_version")?,
        addr_ton: r.u8("addr_ton")?,
        addr_npi: r.u8("addr_npi")?,
        address_range: r.c_octet("address_range")?,
    })
}

fn write_bind(bind: &Bind, out: &mut BytesMut) {
    out.c_octet(&bind.system_id);
    out.c_octet(&bind.password);
    out.c_octet(&bind.system_type);
    out.put_slice(&[bind.interface_version, bind.addr_ton, bind.addr_npi]);
    out.c_octet(&bind.address_range);
}

fn read_bind_resp(r: &mut Reader) -> Result<Option<BindResp>, FieldError> {
    if r.is_empty() {
        return Ok(None);
    }
    Ok(Some(BindResp { system_id: r.c_octet("system_id")?, tlvs: Tlvs::read(r)? }))
}

fn read_outbind(r: &mut Reader) -> Result<Outbind, FieldError> {
    Ok(Outbind { system_id: r.c_octet("system_id")?, password: r.c_octet("password")? })
}

/// `submit_sm_resp`, `deliver_sm_resp`, `data_sm_resp`: the id may be left out, with or without an error status.
fn read_id_resp(r: &mut Reader) -> Result<(Option<COctet<65>>, Tlvs), FieldError> {
    if r.is_empty() {
        return Ok((None, Tlvs::default()));
    }
    Ok((Some(r.c_octet("message_id")?), Tlvs::read(r)?))
}

/// From `service_type` to the TLVs; `with_destination` is false in `submit_multi`, whose receivers are read before.
fn read_message(r: &mut Reader, with_destination: bool) -> Result<Message, FieldError> {
    let service_type = r.c_octet("service_type")?;
    let source = Address::read(r, "source_addr")?;
    let destination = if with_destination { Address::read(r, "destination_addr")? } else { Address::default() };
    read_message_rest(r, Message { service_type, source, destination, ..Message::default() })
}

fn read_message_rest(r: &mut Reader, head: Message) -> Result<Message, FieldError> {
    let mut message = Message {
        esm_class: r.u8("esm_class")?,
        protocol_id: r.u8("protocol_id")?,
        priority_flag: r.u8("priority_flag")?,
        schedule_delivery_time: r.c_octet("schedule_delivery_time")?,
        validity_period: r.c_octet("validity_period")?,
        registered_delivery: r.u8("registered_delivery")?,
        replace_if_present: r.u8("replace_if_present_flag")?,
        data_coding: r.u8("data_coding")?,
        sm_default_msg_id: r.u8("sm_default_msg_id")?,
        ..head
    };
    message.short_message = read_short_message(r)?;
    message.tlvs = Tlvs::read(r)?;
    Ok(message)
}

fn read_short_message(r: &mut Reader) -> Result<Octets, FieldError> {
    let len = r.u8("sm_length")?;
    if usize::from(len) > MAX_SHORT_MESSAGE {
        return Err(FieldFault::Range(len.into()).at("sm_length"));
    }
    r.octets(len.into(), "short_message")
}

fn write_short_message(text: &Octets, out: &mut BytesMut) -> Result<(), FieldError> {
    let fits = u8::try_from(text.len()).ok().filter(|len| usize::from(*len) <= MAX_SHORT_MESSAGE);
    out.put_u8(fits.ok_or(FieldFault::TooLong { max: MAX_SHORT_MESSAGE }.at("short_message"))?);
    out.put_slice(text);
    Ok(())
}

fn write_message(m: &Message, many: Option<&[Destination]>, out: &mut BytesMut) -> Result<(), FieldError> {
    out.c_octet(&m.service_type);
    m.source.write(out);
    match many {
        None => m.destination.write(out),
        Some(destinations) => write_destinations(destinations, out)?,
    }
    out.put_slice(&[m.esm_class, m.protocol_id, m.priority_flag]);
    out.c_octet(&m.schedule_delivery_time);
    out.c_octet(&m.validity_period);
    out.put_slice(&[m.registered_delivery, m.replace_if_present, m.data_coding, m.sm_default_msg_id]);
    write_short_message(&m.short_message, out)?;
    m.tlvs.write(out)
}

fn write_destinations(destinations: &[Destination], out: &mut BytesMut) -> Result<(), FieldError> {
    out.put_u8(count(destinations.len(), "number_of_dests")?);
    for destination in destinations {
        match destination {
            Destination::Number(address) => {
                out.put_u8(1);
                address.write(out);
            }
            Destination::List(name) => {
                out.put_u8(2);
                out.c_octet(name);
            }
        }
    }
    Ok(())
}

/// A list's length as its count octet.
fn count(len: usize, field: &'static str) -> Result<u8, FieldError> {
    let fits = u8::try_from(len).ok().filter(|len| usize::from(*len) <= MAX_DESTINATIONS);
    fits.ok_or(FieldFault::TooLong { max: MAX_DESTINATIONS }.at(field))
}

fn read_multi(r: &mut Reader) -> Result<Multi, FieldError> {
    let service_type = r.c_octet("service_type")?;
    let source = Address::read(r, "source_addr")?;
    let number = r.u8("number_of_dests")?;
    if number == 0 || usize::from(number) > MAX_DESTINATIONS {
        return Err(FieldFault::Range(number.into()).at("number_of_dests"));
    }
    let destinations = (0..number).map(|_| read_destination(r)).collect::<Result<_, _>>()?;
    let message = read_message_rest(r, Message { service_type, source, ..Message::default() })?;
    Ok(Multi { destinations, message })
}

fn read_destination(r: &mut Reader) -> Result<Destination, FieldError> {
    match r.u8("dest_flag")? {
        1 => Ok(Destination::Number(Address::read(r, "destination_addr")?)),
        2 => Ok(Destination::List(r.c_octet("dl_name")?)),
        other => Err(FieldFault::Range(other.into()).at("dest_flag")),
    }
}

fn read_multi_resp(r: &mut Reader) -> Result<Option<MultiResp>, FieldError> {
    if r.is_empty() {
        return Ok(None);
    }
    let message_id = r.c_octet("message_id")?;
    let number = if r.is_empty() { 0 } else { r.u8("no_unsuccess")? };
    let one = |r: &mut Reader| -> Result<Unsuccessful, FieldError> {
        Ok(Unsuccessful { destination: Address::read(r, "destination_addr")?, error: r.u32("error_status_code")? })
    };
    let unsuccessful = (0..number).map(|_| one(r)).collect::<Result<_, _>>()?;
    Ok(Some(MultiResp { message_id, unsuccessful }))
}

fn write_multi_resp(resp: &MultiResp, out: &mut BytesMut) -> Result<(), FieldError> {
    out.c_octet(&resp.message_id);
    out.put_u8(count(resp.unsuccessful.len(), "no_unsuccess")?);
    for refused in &resp.unsuccessful {
        refused.destination.write(out);
        out.put_u32(refused.error);
    }
    Ok(())
}

fn read_query(r: &mut Reader) -> Result<Query, FieldError> {
    Ok(Query { message_id: r.c_octet("message_id")?, source: Address::read(r, "source_addr")? })
}

fn read_query_resp(r: &mut Reader) -> Result<Option<QueryResp>, FieldError> {
    if r.is_empty() {
        return Ok(None);
    }
    Ok(Some(QueryResp {
        message_id: r.c_octet("message_id")?,
        final_date: r.c_octet("final_date")?,
        message_state: r.u8("message_state")?,
        error_code: r.u8("error_code")?,
    }))
}

fn read_cancel(r: &mut Reader) -> Result<Cancel, FieldError> {
    Ok(Cancel {
        service_type: r.c_octet("service_type")?,
        message_id: r.c_octet("message_id")?,
        source: Address::read(r, "source_addr")?,
        destination: Address::read(r, "destination_addr")?,
    })
}

fn read_replace(r: &mut Reader) -> Result<Replace, FieldError> {
    Ok(Replace {
        message_id: r.c_octet("message_id")?,
        source: Address::read(r, "source_addr")?,
        schedule_delivery_time: r.c_octet("schedule_delivery_time")?,
        validity_period: r.c_octet("validity_period")?,
        registered_delivery: r.u8("registered_delivery")?,
        sm_default_msg_id: r.u8("sm_default_msg_id")?,
        short_message: read_short_message(r)?,
    })
}

fn write_replace(replace: &Replace, out: &mut BytesMut) -> Result<(), FieldError> {
    out.c_octet(&replace.message_id);
    replace.source.write(out);
    out.c_octet(&replace.schedule_delivery_time);
    out.c_octet(&replace.validity_period);
    out.put_slice(&[replace.registered_delivery, replace.sm_default_msg_id]);
    write_short_message(&replace.short_message, out)
}

fn read_data(r: &mut Reader) -> Result<Data, FieldError> {
    Ok(Data {
        service_type: r.c_octet("service_type")?,
        source: Address::read(r, "source_addr")?,
        destination: Address::read(r, "destination_addr")?,
        esm_class: r.u8("esm_class")?,
        registered_delivery: r.u8("registered_delivery")?,
        data_coding: r.u8("data_coding")?,
        tlvs: Tlvs::read(r)?,
    })
}

fn write_data(data: &Data, out: &mut BytesMut) -> Result<(), FieldError> {
    out.c_octet(&data.service_type);
    data.source.write(out);
    data.destination.write(out);
    out.put_slice(&[data.esm_class, data.registered_delivery, data.data_coding]);
    data.tlvs.write(out)
}

fn read_alert(r: &mut Reader) -> Result<Alert, FieldError> {
    Ok(Alert { source: Address::read(r, "source_addr")?, esme: Address::read(r, "esme_addr")?, tlvs: Tlvs::read(r)? })
}
