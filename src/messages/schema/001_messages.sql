-- Messages, outward and inward. Numbers and texts lie sealed under their person's key; `peer` is the blind index.
CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    direction TEXT NOT NULL,
    peer TEXT NOT NULL,
    number_sealed TEXT NOT NULL,
    text_sealed TEXT NOT NULL,
    receiver TEXT NOT NULL,
    ext TEXT NOT NULL,
    lane TEXT NOT NULL,
    template TEXT,
    case_id TEXT,
    link TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    segments BIGINT NOT NULL,
    delivered_segments BIGINT NOT NULL,
    orgs TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX messages_case ON messages (case_id, id);
CREATE INDEX messages_peer ON messages (peer, id);

-- The centre's ids of each segment, in every form in which a receipt may name them.
CREATE TABLE message_receipts (
    link TEXT NOT NULL,
    receipt_key TEXT NOT NULL,
    message TEXT NOT NULL,
    segment BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (link, receipt_key)
);

-- The state of each segment, by rank: a late receipt never turns it back.
CREATE TABLE message_segments (
    message TEXT NOT NULL,
    segment BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (message, segment)
);

-- Receipts that came before their submit's answer.
CREATE TABLE early_receipts (
    link TEXT NOT NULL,
    receipt_key TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (link, receipt_key)
);

-- What a short answer means: one open question per receiver and extension.
CREATE TABLE questions (
    peer TEXT NOT NULL,
    ext TEXT NOT NULL,
    kind TEXT NOT NULL,
    about TEXT NOT NULL,
    label TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    answered_at BIGINT,
    PRIMARY KEY (peer, ext)
);

-- Incoming messages already taken, and segments of long ones that wait for their rest.
CREATE TABLE message_seen (
    link TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (link, dedupe_key)
);
CREATE TABLE message_parts (
    link TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    part TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (link, dedupe_key)
);
