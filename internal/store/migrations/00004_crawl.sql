-- +goose Up

-- How far the crawl of a partner's list has come, for package crawl. revision
-- grows with each change, so that a process that lost the crawl writes nothing.
CREATE TABLE crawl (
    job      TEXT   NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    state    BYTEA  NOT NULL
);

-- What the run that is under way has seen on the partner's pages.
CREATE TABLE crawl_seen (
    job     TEXT NOT NULL,
    country TEXT NOT NULL,
    party   TEXT NOT NULL,
    id      TEXT NOT NULL,
    PRIMARY KEY (job, country, party, id)
);

-- Crawls that an operator asked for.
CREATE TABLE crawl_ask (
    job   TEXT    NOT NULL PRIMARY KEY,
    whole BOOLEAN NOT NULL
);

-- +goose Down

DROP TABLE crawl_ask;
DROP TABLE crawl_seen;
DROP TABLE crawl;
