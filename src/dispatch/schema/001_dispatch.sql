-- Those who can be sent 力量.
CREATE TABLE responders (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    skill TEXT NOT NULL,
    org TEXT NOT NULL,
    state TEXT NOT NULL,
    lon DOUBLE PRECISION,
    lat DOUBLE PRECISION,
    placed_at BIGINT,
    answer_seconds BIGINT NOT NULL
);
CREATE INDEX responders_org ON responders (org);

-- Whom to alert, in this order; the chief last. A NULL time means always.
CREATE TABLE duty_rota (
    responder TEXT NOT NULL REFERENCES responders (id),
    place BIGINT NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    on_from BIGINT,
    on_to BIGINT,
    PRIMARY KEY (responder, place)
);
CREATE INDEX duty_rota_phone ON duty_rota (phone);

-- Orders 指令: the projection of their events.
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    case_id TEXT,
    responder TEXT NOT NULL,
    state TEXT NOT NULL,
    orgs TEXT NOT NULL,
    given_by TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX orders_open ON orders (state, given_at);
CREATE INDEX orders_case ON orders (case_id);
