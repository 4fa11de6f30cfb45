-- The one log: every call, message, meeting, order and case step is an event in it.
CREATE TABLE log (
    seq BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    orgs TEXT NOT NULL,
    body TEXT NOT NULL,
    --sqlite hash BLOB NOT NULL
    --postgres hash BYTEA NOT NULL
);
CREATE INDEX log_subject ON log (subject, seq);
CREATE INDEX log_kind ON log (kind, seq);

-- How far each follower has come; moved in the transaction of what it did.
CREATE TABLE followers (
    name TEXT PRIMARY KEY,
    seq BIGINT NOT NULL
);

-- Outside effects: a row stays until the far side's receipt is stored.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    courier TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_error TEXT,
    UNIQUE (courier, idempotency_key)
);
CREATE INDEX outbox_due ON outbox (courier, state, due_at);

-- Durable timers: each due row fires once, in the transaction of what it causes.
CREATE TABLE timers (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    timer_key TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    payload TEXT NOT NULL,
    UNIQUE (kind, timer_key)
);
CREATE INDEX timers_due ON timers (due_at);

-- A key per person, wrapped by the site's key. Destroying the wrapped key erases the person from every event.
CREATE TABLE person_keys (
    owner TEXT PRIMARY KEY,
    --sqlite wrapped BLOB,
    --postgres wrapped BYTEA,
    created_at BIGINT NOT NULL,
    erased_at BIGINT
);
