#!/usr/bin/env python3
"""A short message centre (SMPP 3.4 server) for tests, written without our crate: standard library only.

Listens on 127.0.0.1 (--port N, 0 = any free one) and prints one JSON object per line:
  {"event": "listening", "port": N}
  {"event": "bind", "system_id": ..., "mode": ...}          {"event": "gone"}   {"event": "unbind"}   {"event": "enquire_link"}
  {"event": "submit", "id": ..., "from": ..., "to": ..., "dcs": ..., "esm": ..., "registered": ..., "validity": ...,
   "udh": {"ref": r, "total": t, "index": i} | null, "text": ..., "octets": length of short_message, "answered": bool, "in_flight": n}
  {"event": "deliver_resp", "seq": n, "status": s}          {"event": "bad", "why": ...}
Commands come as JSON lines on standard input:
  {"mo": {"from": ..., "to": ..., "text": ..., "dcs": 8, "parts": 1, "order": [2, 1], "repeat": 1, "sar": false, "hex": octets instead of the text}}
  {"receipt": {"id": ..., "phone": ..., "sender": ..., "stat": "DELIVRD", "tlv": true, "text": true, "repeat": 1, "esm": 4, "dcs": 0}}
  {"set": {"receipts": true, "resp_id": "hex|HEX|dec", "receipt_id": same, "width": zero padding of resp ids, "early": true,
           "repeat": n, "stat": ..., "tlv": bool, "swallow": n, "drop_receipts_of_swallowed": bool, "throttle": n,
           "refuse": [status, n], "hold": bool, "bind_status": s, "mute": bool, "no_version": bool}}
  {"release": true}  answers what was held     {"kill": true}  resets all connections     {"quit": true}
"""
import argparse
import asyncio
import json
import struct
import sys

GSM = ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
       "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")
EXTENSION = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}
BINDS = {1: "receiver", 2: "transmitter", 9: "transceiver"}


def gsm(octets):
    out, escaped = "", False
    for octet in octets:
        if octet == 0x1B and not escaped:
            escaped = True
            continue
        out += EXTENSION.get(octet, GSM[octet & 0x7F]) if escaped else GSM[octet & 0x7F]
        escaped = False
    return out


def text_of(dcs, octets):
    if dcs == 8:
        return octets.decode("utf-16-be", "surrogatepass")
    return octets.decode("latin-1") if dcs == 3 else gsm(octets)


def octets_of(dcs, text):
    return text.encode("utf-16-be") if dcs == 8 else text.encode("ascii")


def say(event, **fields):
    print(json.dumps({"event": event, **fields}, ensure_ascii=False), flush=True)


class Body:
    """Takes the fields of a PDU off one by one."""

    def __init__(self, octets):
        self.octets = octets

    def byte(self):
        value, self.octets = self.octets[0], self.octets[1:]
        return value

    def cstring(self):
        end = self.octets.index(0)
        value, self.octets = self.octets[:end], self.octets[end + 1:]
        return value.decode("latin-1")

    def take(self, count):
        if count > len(self.octets):
            raise ValueError("short")
        value, self.octets = self.octets[:count], self.octets[count:]
        return value

    def tlvs(self):
        found = {}
        while self.octets:
            tag, length = struct.unpack(">HH", self.take(4))
            found[tag] = self.take(length)
        return found


def cstring(text):
    return text.encode("latin-1") + b"\0"


def tlv(tag, value):
    return struct.pack(">HH", tag, len(value)) + value


class Centre:
    def __init__(self):
        self.sessions = set()
        self.next_id = 0x3F2A9C01
        self.knobs = {"receipts": False, "resp_id": "hex", "receipt_id": "hex", "width": 0, "early": False, "repeat": 1,
                      "stat": "DELIVRD", "tlv": False, "swallow": 0, "drop_receipts_of_swallowed": False, "throttle": 0,
                      "refuse": [0, 0], "hold": False, "bind_status": 0, "mute": False, "no_version": False}

    def form(self, number, how, width=0):
        text = str(number) if how == "dec" else f"{number:x}"
        return (text.upper() if how == "HEX" else text).rjust(width, "0")

    def spend(self, knob):
        left = self.knobs[knob]
        self.knobs[knob] = max(0, left - 1)
        return left > 0

    def command(self, line):
        command = json.loads(line)
        self.knobs.update(command.get("set", {}))
        for session in list(self.sessions):
            if "mo" in command:
                session.mo(**command["mo"])
            if "receipt" in command:
                session.receipt(**command["receipt"])
            if command.get("release"):
                session.release()
            if command.get("kill"):
                session.writer.transport.abort()
        return not command.get("quit")


class Session:
    def __init__(self, centre, reader, writer):
        self.centre, self.reader, self.writer = centre, reader, writer
        self.sequence, self.held, self.unanswered, self.bound = 0, [], 0, False

    def send(self, command, status, sequence, body=b""):
        self.writer.write(struct.pack(">IIII", 16 + len(body), command, status, sequence) + body)

    def request(self, command, body):
        self.sequence += 1
        self.send(command, 0, self.sequence, body)

    async def run(self):
        try:
            while True:
                length, command, status, sequence = struct.unpack(">IIII", await self.reader.readexactly(16))
                if not 16 <= length <= 70000:
                    say("bad", why=f"length {length}")
                    break
                body = Body(await self.reader.readexactly(length - 16))
                try:
                    if not self.handle(command, status, sequence, body):
                        break
                except (ValueError, IndexError, UnicodeError) as error:
                    say("bad", why=f"{command:08x}: {error}")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        self.centre.sessions.discard(self)
        self.writer.close()
        say("gone")

    def handle(self, command, status, sequence, body):
        if command in BINDS:
            return self.bind(command, sequence, body)
        if self.centre.knobs["mute"]:
            return True
        if command == 0x15:
            say("enquire_link")
            self.send(0x80000015, 0, sequence)
        elif command == 6:
            say("unbind")
            self.send(0x80000006, 0, sequence)
            return False
        elif command == 4:
            self.submit(sequence, body)
        elif command == 0x80000005:
            say("deliver_resp", seq=sequence, status=status)
        elif command < 0x80000000:
            self.send(0x80000000, 3, sequence)
        return True

    def bind(self, command, sequence, body):
        system_id, _password, _type = body.cstring(), body.cstring(), body.cstring()
        version, status = body.byte(), self.centre.knobs["bind_status"]
        say("bind", system_id=system_id, mode=BINDS[command], version=version, status=status)
        version_tlv = b"" if self.centre.knobs["no_version"] else tlv(0x0210, b"\x34")
        self.send(command | 0x80000000, status, sequence, b"" if status else cstring("LDSMSC") + version_tlv)
        if not status:
            self.bound = True
            self.centre.sessions.add(self)
        return not status

    def submit(self, sequence, body):
        body.cstring()
        body.take(2)
        source = body.cstring()
        body.take(2)
        destination = body.cstring()
        esm, _protocol, _priority = body.byte(), body.byte(), body.byte()
        _schedule, validity = body.cstring(), body.cstring()
        registered, _replace, dcs, _default = body.byte(), body.byte(), body.byte(), body.byte()
        octets = body.take(body.byte())
        octets = body.tlvs().get(0x0424, octets)
        udh, payload = None, octets
        if esm & 0x40:
            header, payload = octets[1:1 + octets[0]], octets[1 + octets[0]:]
            if header[:2] == b"\x00\x03":
                udh = {"ref": header[2], "total": header[3], "index": header[4]}
        self.unanswered += 1
        centre, knobs = self.centre, self.centre.knobs
        fate = "throttle" if centre.spend("throttle") else "refuse" if knobs["refuse"][1] > 0 else "accept"
        number, centre.next_id = centre.next_id, centre.next_id + (fate == "accept")
        swallowed = fate == "accept" and centre.spend("swallow")
        resp_id = centre.form(number, knobs["resp_id"], knobs["width"]) if fate == "accept" else ""
        say("submit", id=resp_id, **{"from": source}, to=destination, dcs=dcs, esm=esm, registered=registered, validity=validity,
            udh=udh, text=text_of(dcs, payload), octets=len(octets), answered=not swallowed, fate=fate, in_flight=self.unanswered)
        receipt = dict(id=centre.form(number, knobs["receipt_id"]), phone=destination, sender=source, stat=knobs["stat"],
                       tlv=knobs["tlv"], repeat=knobs["repeat"])
        wants = knobs["receipts"] and registered & 1 and fate == "accept"
        wants = wants and not (swallowed and knobs["drop_receipts_of_swallowed"])
        if wants and knobs["early"]:
            self.receipt(**receipt)
        if fate == "throttle":
            self.answer(sequence, 0x58, None)
        elif fate == "refuse":
            knobs["refuse"] = [knobs["refuse"][0], knobs["refuse"][1] - 1]
            self.answer(sequence, knobs["refuse"][0], None)
        elif swallowed:
            self.unanswered -= 1
        elif knobs["hold"]:
            self.held.append((sequence, resp_id))
        else:
            self.answer(sequence, 0, resp_id)
        if wants and not knobs["early"]:
            self.receipt(**receipt)

    def answer(self, sequence, status, message_id):
        self.unanswered -= 1
        self.send(0x80000004, status, sequence, b"" if status else cstring(message_id))

    def release(self):
        held, self.held = self.held, []
        for sequence, message_id in held:
            self.answer(sequence, 0, message_id)

    def deliver(self, source, destination, esm, dcs, octets, tlvs=b""):
        head = cstring("") + b"\1\1" + cstring(source) + b"\0\0" + cstring(destination)
        head += bytes([esm, 0, 0]) + b"\0\0" + bytes([0, 0, dcs, 0])
        self.request(5, head + bytes([len(octets)]) + octets + tlvs)

    def receipt(self, id, phone, sender, stat="DELIVRD", tlv=True, text=True, repeat=1, esm=4, dcs=0):
        line = f"id:{id} sub:001 dlvrd:001 submit date:2611241502 done date:2611241502 stat:{stat} err:000 text:"
        tlvs = globals()["tlv"](0x0427, b"\2") + globals()["tlv"](0x001E, id.encode()) if tlv else b""
        for _ in range(repeat):
            self.deliver(phone, sender, esm, dcs, line.encode() if text else b"", tlvs)

    def mo(self, text, to, dcs=8, parts=1, order=None, repeat=1, sar=False, ref=7, hex=None, **sender):
        octets = octets_of(dcs, text) if hex is None else bytes.fromhex(hex)
        size = -(-len(octets) // parts)
        size += size % 2 if dcs == 8 else 0
        for index in order or range(1, parts + 1):
            piece = octets[(index - 1) * size:index * size]
            for _ in range(repeat):
                if parts == 1:
                    self.deliver(sender["from"], to, 0, dcs, piece)
                elif sar:
                    tlvs = tlv(0x020C, struct.pack(">H", ref)) + tlv(0x020E, bytes([parts])) + tlv(0x020F, bytes([index]))
                    self.deliver(sender["from"], to, 0, dcs, piece, tlvs)
                else:
                    self.deliver(sender["from"], to, 0x40, dcs, bytes([5, 0, 3, ref, parts, index]) + piece)


async def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--port", type=int, default=0)
    port = arguments.parse_args().port
    centre = Centre()
    server = await asyncio.start_server(lambda reader, writer: Session(centre, reader, writer).run(), "127.0.0.1", port)
    say("listening", port=server.sockets[0].getsockname()[1])
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        if not centre.command(line):
            break


if __name__ == "__main__":
    asyncio.run(main())
