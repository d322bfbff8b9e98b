-- Named leases. A row stays when its lease ends, so that the fence only ever grows.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL
);
