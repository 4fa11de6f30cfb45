-- What is needed to go on after a kill: the agents' states, the running calls, and their legs as the edge knows them. The
-- last two hold numbers and what callers pressed, so they lie sealed; they are deleted when the call or leg ends.
CREATE TABLE agent_states (
    agent TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    since BIGINT NOT NULL
);
CREATE TABLE live_calls (
    call_id TEXT PRIMARY KEY,
    sealed TEXT NOT NULL
);
CREATE TABLE live_legs (
    call_id TEXT NOT NULL,
    leg BIGINT NOT NULL,
    sealed TEXT NOT NULL,
    PRIMARY KEY (call_id, leg)
);
