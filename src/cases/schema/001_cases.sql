-- Cases. The row is a projection of the case's events; `doc` is the whole state as JSON, the other columns are its index.
CREATE TABLE cases (
    id TEXT PRIMARY KEY,
    public_no TEXT NOT NULL UNIQUE,
    -- With the number it opens the citizen's view; guesses are throttled in case_track.
    query_code TEXT NOT NULL,
    -- The client's key of the capture, so that a phone that resends makes no second case.
    client_key TEXT UNIQUE,
    version BIGINT NOT NULL,
    node TEXT NOT NULL,
    step BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    round BIGINT NOT NULL,
    channel TEXT NOT NULL,
    nature TEXT NOT NULL,
    class_code TEXT NOT NULL,
    urgency TEXT NOT NULL,
    -- For the predicate of rights: the units concerned, who captured it, how secret it is.
    orgs TEXT NOT NULL,
    owner TEXT NOT NULL,
    secrecy BIGINT NOT NULL,
    title TEXT NOT NULL,
    card TEXT NOT NULL,
    overlays TEXT NOT NULL,
    returns BIGINT NOT NULL,
    urges BIGINT NOT NULL,
    lead_unit TEXT NOT NULL,
    due_at BIGINT,
    next_rung_at BIGINT,
    reported_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    closed_at BIGINT,
    doc TEXT NOT NULL
);
CREATE INDEX cases_open ON cases (ended, id);
CREATE INDEX cases_node ON cases (node, id);
CREATE INDEX cases_card ON cases (card, id);
CREATE INDEX cases_class ON cases (class_code, id);
CREATE INDEX cases_due ON cases (ended, due_at);

-- Who has to do what.
CREATE TABLE case_work_items (
    id TEXT PRIMARY KEY,
    case_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    is_open BIGINT NOT NULL,
    unit_id TEXT NOT NULL,
    -- `|path|` of the unit, for the predicate of rights.
    orgs TEXT NOT NULL,
    sender_id TEXT NOT NULL,
    parent TEXT NOT NULL,
    round BIGINT NOT NULL,
    offered_at BIGINT NOT NULL,
    signed_at BIGINT,
    signed_by TEXT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX case_work_items_case ON case_work_items (case_id);
CREATE INDEX case_work_items_open ON case_work_items (is_open, state, case_id);
CREATE INDEX case_work_items_unit ON case_work_items (unit_id, is_open);

-- Time limits: budget and ledger. A clock's segments are always read and written with it, so they lie in its row.
CREATE TABLE case_clocks (
    id TEXT PRIMARY KEY,
    case_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    item TEXT NOT NULL,
    round BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    unit TEXT NOT NULL,
    start_rule TEXT NOT NULL,
    calendar TEXT NOT NULL,
    calendar_version TEXT NOT NULL,
    segments TEXT NOT NULL,
    due_at BIGINT,
    provisional BIGINT NOT NULL,
    next_rung_at BIGINT,
    epoch BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT NOT NULL
);
CREATE INDEX case_clocks_case ON case_clocks (case_id);
CREATE INDEX case_clocks_open ON case_clocks (outcome, calendar, calendar_version);

-- Rungs reached: claim and proof at once. A rung of an epoch is told at most once, whatever is killed when.
CREATE TABLE case_rungs (
    clock_id TEXT NOT NULL,
    rung BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    case_id TEXT NOT NULL,
    reached_at BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (clock_id, rung, epoch)
);

-- People in a case; their texts are sealed under the key of `owner`.
CREATE TABLE case_parties (
    case_id TEXT NOT NULL,
    role TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    phone_index TEXT NOT NULL,
    PRIMARY KEY (case_id, role)
);
CREATE INDEX case_parties_phone ON case_parties (phone_index, case_id);

CREATE TABLE case_links (
    case_id TEXT NOT NULL,
    other TEXT NOT NULL,
    relation TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (case_id, other)
);
CREATE INDEX case_links_other ON case_links (other);

-- Contacts and other subjects of the log that belong to a case: its timeline is their events and its own.
CREATE TABLE case_subjects (
    case_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (case_id, subject)
);
CREATE INDEX case_subjects_subject ON case_subjects (subject);

CREATE TABLE case_attachments (
    case_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    visible_to TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (case_id, sha256)
);

-- The next serial of each day, within the block of this site.
CREATE TABLE case_numbers (
    day TEXT PRIMARY KEY,
    next BIGINT NOT NULL
);

-- Every flow version that a case was captured under.
CREATE TABLE case_flows (
    version TEXT PRIMARY KEY,
    flow TEXT NOT NULL,
    text TEXT NOT NULL,
    stored_at BIGINT NOT NULL
);

-- Imported holiday lists; they lie over those that come with the program.
CREATE TABLE case_holidays (
    year BIGINT PRIMARY KEY,
    doc TEXT NOT NULL,
    imported_at BIGINT NOT NULL
);

-- Wrong query codes: after some the number answers nobody for a while.
CREATE TABLE case_track (
    public_no TEXT PRIMARY KEY,
    fails BIGINT NOT NULL,
    until_at BIGINT NOT NULL
);
