-- The audit trail: one row per event, each bound to the one before it by its digest.
-- "at" is in seconds since the epoch; "subject" is JSON.
CREATE TABLE audit_log (
    seq BIGINT PRIMARY KEY,
    at DOUBLE PRECISION NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    rule TEXT,
    request_id TEXT,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_kind ON audit_log (kind, seq);
CREATE INDEX audit_log_actor ON audit_log (actor, seq);
-- One row: the newest event. Writers lock it; a trail that was cut off at its end does not agree with it.
-- "first_seq" and "first_previous" are where the trail begins after old rows were removed on purpose.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    digest TEXT NOT NULL,
    first_seq BIGINT NOT NULL,
    first_previous TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, digest, first_seq, first_previous) VALUES (1, 0, '', 1, '');
