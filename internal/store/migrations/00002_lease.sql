-- What processes that share a database must know of each other.

-- +goose Up

-- A process that works. It raises beat at regular intervals; who sees it stand
-- still for long enough deletes the row. place is something that at most one
-- process at a time can hold, such as the lock of a data directory; empty when
-- there is none.
CREATE TABLE node (
    id      TEXT    NOT NULL PRIMARY KEY,
    place   TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    beat    BIGINT  NOT NULL,
    leaving BOOLEAN NOT NULL
);

-- Which node works on which job.
CREATE TABLE lease (
    kind  TEXT   NOT NULL,
    name  TEXT   NOT NULL,
    node  TEXT   NOT NULL,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX lease_node ON lease (node);

-- Counters of one row each. lease: raised by each change of node and lease but
-- for beats; gives out epochs. registry: raised by each change of platform,
-- credential, party and agreement.
CREATE TABLE revision (
    name TEXT   NOT NULL PRIMARY KEY,
    n    BIGINT NOT NULL
);
INSERT INTO revision (name, n) VALUES ('lease', 0), ('registry', 0);

-- What processes tell the one that looks after platforms: counters that are
-- raised when a platform was heard, or failed several times in a row.
CREATE TABLE platform_news (
    platform TEXT   NOT NULL PRIMARY KEY,
    heard    BIGINT NOT NULL,
    failed   BIGINT NOT NULL
);

-- +goose Down

DROP TABLE platform_news;
DROP TABLE revision;
DROP TABLE lease;
DROP TABLE node;
