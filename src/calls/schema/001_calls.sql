-- Calls: the projection of their events, written in the same transactions. The far end's number and name lie sealed under
-- the number's key; `peer` is its blind index.
CREATE TABLE calls (
    id TEXT PRIMARY KEY,
    direction TEXT NOT NULL,
    state TEXT NOT NULL,
    peer TEXT,
    peer_sealed TEXT,
    name_sealed TEXT,
    line TEXT NOT NULL,
    trunk TEXT,
    area TEXT,
    plan_version TEXT,
    queue TEXT,
    queue_title TEXT,
    first_queue TEXT,
    agent TEXT,
    agent_name TEXT,
    agents TEXT NOT NULL,
    orgs TEXT NOT NULL,
    cases TEXT NOT NULL,
    case_no TEXT,
    started_at BIGINT NOT NULL,
    queued_at BIGINT,
    answered_at BIGINT,
    ended_at BIGINT,
    changed_at BIGINT NOT NULL,
    wait_ms BIGINT,
    talk_ms BIGINT,
    outcome TEXT,
    ended_by TEXT,
    cause TEXT,
    -- What became of its wait for a person: waiting, answered, abandoned, elsewhere. The figures are made from these.
    fact TEXT,
    fact_ms BIGINT,
    fact_by TEXT,
    recording_path TEXT,
    recording_state TEXT,
    recording_ms BIGINT
);
CREATE INDEX calls_started ON calls (started_at);
CREATE INDEX calls_peer ON calls (peer, started_at);
CREATE INDEX calls_agent ON calls (agent, started_at);
CREATE INDEX calls_queued ON calls (queued_at);
CREATE INDEX calls_open ON calls (state);

-- Intake forms as they are typed during a call; sealed, because they hold the citizen's words.
CREATE TABLE call_drafts (
    call_id TEXT NOT NULL,
    person TEXT NOT NULL,
    form TEXT NOT NULL,
    saved_at BIGINT NOT NULL,
    PRIMARY KEY (call_id, person)
);

-- Where telephones registered, with the edge's own details.
CREATE TABLE sip_bindings (
    extension TEXT NOT NULL,
    contact TEXT NOT NULL,
    agent TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (extension, contact)
);
