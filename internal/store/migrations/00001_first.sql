-- One text for SQLite and PostgreSQL. Times are microseconds since 1970 in
-- UTC, 0 for none. Ids and times are assigned by the program.

-- +goose Up

-- The counter behind object.seq. One row; its lock on PostgreSQL puts the
-- commits of all processes in one order.
CREATE TABLE feed (
    id  BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL
);
INSERT INTO feed (id, seq) VALUES (1, 0);

CREATE TABLE meta (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE platform (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    offline      BOOLEAN NOT NULL,
    hub          BOOLEAN NOT NULL,
    version      TEXT    NOT NULL,
    versions_url TEXT    NOT NULL,
    encoding     TEXT    NOT NULL,
    endpoints    BYTEA   NOT NULL,
    sealed_token BYTEA   NOT NULL,
    settings     BYTEA   NOT NULL,
    created      BIGINT  NOT NULL,
    updated      BIGINT  NOT NULL
);

CREATE TABLE credential (
    hash     BYTEA  NOT NULL PRIMARY KEY,
    platform TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    created  BIGINT NOT NULL,
    expires  BIGINT NOT NULL
);
CREATE INDEX credential_platform ON credential (platform);

CREATE TABLE party (
    country      TEXT    NOT NULL,
    party        TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    platform     TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    confirmed    BOOLEAN NOT NULL,
    status       TEXT    NOT NULL,
    last_updated BIGINT  NOT NULL,
    delivery     BYTEA   NOT NULL,
    PRIMARY KEY (country, party, role)
);
CREATE INDEX party_platform ON party (platform);

CREATE TABLE agreement (
    id           TEXT   NOT NULL PRIMARY KEY,
    cpo_country  TEXT   NOT NULL,
    cpo_party    TEXT   NOT NULL,
    emsp_country TEXT   NOT NULL,
    emsp_party   TEXT   NOT NULL,
    valid_from   BIGINT NOT NULL,
    valid_to     BIGINT NOT NULL,
    body         BYTEA  NOT NULL
);

-- The feed: the present state of each published object, and where in the
-- order of accepted changes it stands. data holds the rest of the object, the
-- body compressed; codec.go says how. Lists, and on SQLite the feed, are found
-- by an index in memory: an index here would be one more page to write for
-- each change. On SQLite a BIGINT PRIMARY KEY is the number of the row itself.
CREATE TABLE object (
    born         BIGINT PRIMARY KEY,
    kind         TEXT    NOT NULL,
    country      TEXT    NOT NULL,
    party        TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    seq          BIGINT  NOT NULL,
    loud         BIGINT  NOT NULL,
    deleted      BOOLEAN NOT NULL,
    audience     TEXT    NOT NULL,
    last_updated BIGINT  NOT NULL,
    data         BYTEA   NOT NULL,
    UNIQUE (kind, country, party, id)
);
CREATE UNIQUE INDEX object_seq ON object (seq); -- PostgreSQL only

-- How far each lane is: what stands at or before seq is done, and so is each
-- change up to level that is to be told. grants says to what the receiver was
-- entitled when that was so. blank is the end of the feed when the lane was new;
-- epoch is that of the process that works on it, see lease.
CREATE TABLE lane_cursor (
    lane   TEXT   NOT NULL PRIMARY KEY,
    seq    BIGINT NOT NULL,
    level  BIGINT NOT NULL,
    blank  BIGINT NOT NULL,
    epoch  BIGINT NOT NULL,
    grants BYTEA  NOT NULL
);

CREATE TABLE owner (
    kind    TEXT   NOT NULL,
    id      TEXT   NOT NULL,
    country TEXT   NOT NULL,
    party   TEXT   NOT NULL,
    seen    BIGINT NOT NULL,
    PRIMARY KEY (kind, id, country, party)
);

CREATE TABLE capability (
    id             TEXT   NOT NULL PRIMARY KEY,
    kind           TEXT   NOT NULL,
    caller         TEXT   NOT NULL,
    caller_country TEXT   NOT NULL,
    caller_party   TEXT   NOT NULL,
    owner          TEXT   NOT NULL,
    owner_country  TEXT   NOT NULL,
    owner_party    TEXT   NOT NULL,
    module         TEXT   NOT NULL,
    interface      TEXT   NOT NULL,
    url            TEXT   NOT NULL,
    created        BIGINT NOT NULL,
    expires        BIGINT NOT NULL,
    due            BIGINT NOT NULL,
    claimed        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX capability_expires ON capability (expires);
CREATE INDEX capability_due ON capability (due) WHERE due > 0;

-- +goose Down

DROP TABLE capability;
DROP TABLE owner;
DROP TABLE lane_cursor;
DROP TABLE object;
DROP TABLE agreement;
DROP TABLE party;
DROP TABLE credential;
DROP TABLE platform;
DROP TABLE meta;
DROP TABLE feed;
