#!/usr/bin/env python3
"""A department's program on the unchanged smpplib 2.2.4: binds, sends three texts, waits for a receipt of each, unbinds.

Usage: esme_smpplib.py PORT SYSTEM_ID PASSWORD. Prints {"submitted": [ids], "receipted": [ids]}.
"""
import json
import logging
import sys

import smpplib.client
import smpplib.consts
import smpplib.gsm

TEXTS = ["hello {€}", "停水通知", "汉" * 100 + "😀"]


def main():
    logging.disable(logging.CRITICAL)
    port, system_id, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    submitted, receipted = [], []

    def received(pdu):
        if pdu.esm_class & 0x04:
            receipted.append(pdu.receipted_message_id.decode().rstrip("\0"))
        return 0

    client = smpplib.client.Client("127.0.0.1", port, timeout=20)
    client.set_message_sent_handler(lambda pdu: submitted.append(pdu.message_id.decode()))
    client.set_message_received_handler(received)
    client.connect()
    client.bind_transceiver(system_id=system_id, password=password)
    parts_sent = 0
    for wanted, text in enumerate(TEXTS, 1):
        parts, coding, esm_class = smpplib.gsm.make_parts(text)
        for part in parts:
            client.send_message(source_addr="10690371000901", destination_addr="8613800138000", short_message=part,
                                data_coding=coding, esm_class=esm_class, registered_delivery=True)
            parts_sent += 1
        while len(submitted) < parts_sent or len(receipted) < wanted:
            client.read_once()
    client.unbind()
    client.disconnect()
    print(json.dumps({"submitted": submitted, "receipted": receipted}), flush=True)


main()
