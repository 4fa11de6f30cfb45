-- Meetings 会议. `document` holds the invited units.
CREATE TABLE meetings (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    case_id TEXT,
    host TEXT NOT NULL,
    orgs TEXT NOT NULL,
    held_by TEXT,
    held_by_name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    document TEXT NOT NULL
);
CREATE INDEX meetings_case ON meetings (case_id);

-- Who was there, one row per stay.
CREATE TABLE meeting_stays (
    meeting TEXT NOT NULL REFERENCES meetings (id),
    sid TEXT NOT NULL,
    identity TEXT NOT NULL,
    name TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    left_at BIGINT,
    PRIMARY KEY (meeting, sid)
);
CREATE INDEX meeting_stays_open ON meeting_stays (left_at);
