-- +goose Up

-- What a receiver refused, with the exchange that says why. Headers and bodies
-- come last: a look at the other columns never reads them.
CREATE TABLE dead_letter (
    id              TEXT   NOT NULL PRIMARY KEY,
    lane            TEXT   NOT NULL,
    platform        TEXT   NOT NULL,
    country         TEXT   NOT NULL,
    party           TEXT   NOT NULL,
    role            TEXT   NOT NULL,
    kind            TEXT   NOT NULL,
    owner_country   TEXT   NOT NULL,
    owner_party     TEXT   NOT NULL,
    object          TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    seq             BIGINT NOT NULL,
    method          TEXT   NOT NULL,
    url             TEXT   NOT NULL,
    http_status     BIGINT NOT NULL,
    ocpi_status     BIGINT NOT NULL,
    error           TEXT   NOT NULL,
    attempts        BIGINT NOT NULL,
    version         TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    created         BIGINT NOT NULL,
    updated         BIGINT NOT NULL,
    request_header  TEXT   NOT NULL,
    response_header TEXT   NOT NULL,
    request         BYTEA  NOT NULL,
    response        BYTEA  NOT NULL
);
CREATE UNIQUE INDEX dead_letter_open ON dead_letter (lane, kind, owner_country, owner_party, object)
    WHERE state IN ('open', 'queued');
CREATE INDEX dead_letter_discarded ON dead_letter (lane, kind, owner_country, owner_party, object)
    WHERE state = 'discarded';
CREATE INDEX dead_letter_updated ON dead_letter (updated);
CREATE INDEX dead_letter_queued ON dead_letter (lane, updated, id) WHERE state = 'queued';

-- What people did to what the hub keeps. Rows are never changed.
CREATE TABLE audit (
    id     TEXT   NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL,
    who    TEXT   NOT NULL,
    action TEXT   NOT NULL,
    reason TEXT   NOT NULL,
    detail BYTEA  NOT NULL,
    count  BIGINT NOT NULL
);

-- +goose Down

DROP TABLE audit;
DROP TABLE dead_letter;
