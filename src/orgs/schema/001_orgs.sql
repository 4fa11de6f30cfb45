-- Units, each row one period of a unit's life: what it was called and where it stood from then until then.
CREATE TABLE units (
    id TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    parent TEXT,
    path TEXT NOT NULL,
    code TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    gov_code TEXT,
    duty_phone TEXT,
    lon DOUBLE PRECISION,
    lat DOUBLE PRECISION,
    boundary TEXT,
    PRIMARY KEY (id, valid_from)
);
CREATE INDEX units_path ON units (path, valid_from);

-- Grids 网格: the smallest areas, each under a village, a township or a county.
CREATE TABLE grids (
    id TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    unit TEXT NOT NULL,
    leader TEXT,
    boundary TEXT NOT NULL,
    PRIMARY KEY (id, valid_from)
);

CREATE INDEX grids_code ON grids (code);

-- The duty list 职责清单: whose matter a class is in an area.
CREATE TABLE duties (
    id TEXT PRIMARY KEY,
    class TEXT NOT NULL,
    area TEXT NOT NULL,
    lead TEXT NOT NULL,
    co TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT
);

-- From which area a caller's number comes, by its beginning.
CREATE TABLE phone_areas (
    prefix TEXT PRIMARY KEY,
    unit TEXT NOT NULL
);

CREATE TABLE roles (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    grants TEXT NOT NULL,
    version BIGINT NOT NULL
);

-- `orgs` lists the paths of the units of a person's posts, in the form that rights search (access::orgs_column).
CREATE TABLE people (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    phone_sealed TEXT,
    phone_index TEXT,
    orgs TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX people_phone ON people (phone_index);

CREATE TABLE posts (
    id TEXT PRIMARY KEY,
    unit TEXT NOT NULL,
    title TEXT NOT NULL,
    role TEXT NOT NULL REFERENCES roles (code),
    chief BIGINT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT
);
CREATE INDEX posts_unit ON posts (unit);

CREATE TABLE post_holders (
    id TEXT PRIMARY KEY,
    post TEXT NOT NULL REFERENCES posts (id),
    person TEXT NOT NULL REFERENCES people (id),
    stand_in BIGINT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT
);
CREATE INDEX post_holders_person ON post_holders (person);
CREATE INDEX post_holders_post ON post_holders (post);

-- Accounts: how a person signs in. Secrets of telephones and one-time codes are sealed by the vault.
CREATE TABLE accounts (
    user_name TEXT PRIMARY KEY,
    person TEXT NOT NULL UNIQUE REFERENCES people (id),
    password_hash TEXT NOT NULL,
    password_set_at BIGINT NOT NULL,
    must_change BIGINT NOT NULL,
    disabled_at BIGINT,
    totp_secret TEXT,
    totp_active BIGINT NOT NULL,
    totp_last_step BIGINT NOT NULL,
    extension TEXT UNIQUE,
    sip_secret TEXT,
    last_sign_in_at BIGINT,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE old_passwords (
    user_name TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    password_hash TEXT NOT NULL,
    PRIMARY KEY (user_name, set_at)
);

-- Sessions: the token itself is never stored, only its hash.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    user_name TEXT NOT NULL,
    person TEXT NOT NULL,
    stage TEXT NOT NULL,
    address TEXT,
    agent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX sessions_user ON sessions (user_name, ended_at);

-- Failed sign-ins, counted per account, per source and per both.
CREATE TABLE sign_in_tallies (
    tally_key TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    since BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
);
