-- When the one who took a case in looked at it last: what has changed since stands on his desk.
CREATE TABLE case_looks (
    case_id TEXT PRIMARY KEY,
    looked_at BIGINT NOT NULL
);
CREATE INDEX cases_owner ON cases (owner, updated_at);
