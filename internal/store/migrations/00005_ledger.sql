-- What was charged, and the proof of it. Rows of ledger_event, ledger_node,
-- posting and tariff_version are never changed.

-- +goose Up

-- A CDR as it stands now. id is the seq of its first event. Amounts are in
-- minor units of the currency, energy and register in 10⁻⁹ kWh, latitude and
-- longitude in 10⁻⁷ degrees.
CREATE TABLE cdr (
    id           BIGINT PRIMARY KEY,
    country      TEXT    NOT NULL,
    party        TEXT    NOT NULL,
    cdr_id       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    emsp_country TEXT    NOT NULL,
    emsp_party   TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    digest       BYTEA   NOT NULL,
    session      TEXT    NOT NULL,
    token        TEXT    NOT NULL,
    evse         TEXT    NOT NULL,
    meter        TEXT    NOT NULL,
    reference    TEXT    NOT NULL,
    started      BIGINT  NOT NULL,
    ended        BIGINT  NOT NULL,
    received     BIGINT  NOT NULL,
    currency     TEXT    NOT NULL,
    net          BIGINT  NOT NULL,
    gross        BIGINT  NOT NULL,
    energy       BIGINT  NOT NULL,
    register     BIGINT  NOT NULL,
    has_register BOOLEAN NOT NULL,
    latitude     BIGINT  NOT NULL,
    longitude    BIGINT  NOT NULL,
    has_place    BOOLEAN NOT NULL,
    credit_of    TEXT    NOT NULL,
    credited_by  BIGINT  NOT NULL,
    evidence     BIGINT  NOT NULL,
    state        TEXT    NOT NULL,
    held         BOOLEAN NOT NULL,
    deadline     BIGINT  NOT NULL,
    posted       BIGINT  NOT NULL,
    mail         TEXT    NOT NULL,
    due          BIGINT  NOT NULL,
    mail_since   BIGINT  NOT NULL,
    attempts     BIGINT  NOT NULL,
    answer       BYTEA   NOT NULL,
    updated      BIGINT  NOT NULL,
    UNIQUE (country, party, cdr_id)
);
CREATE INDEX cdr_session ON cdr (country, party, session) WHERE session <> '';
CREATE INDEX cdr_token ON cdr (token, ended) WHERE token <> '';
CREATE INDEX cdr_evse ON cdr (country, party, evse, ended) WHERE evse <> '';
CREATE INDEX cdr_meter ON cdr (country, party, meter, ended) WHERE has_register;
-- Lists, in order of id: new rows come at the end of each of a few ranges.
CREATE INDEX cdr_owner ON cdr (country, party, id);
CREATE INDEX cdr_emsp ON cdr (emsp_country, emsp_party, id);
CREATE INDEX cdr_state ON cdr (state, id);
CREATE INDEX cdr_received ON cdr (received, id);
-- Work to do: few rows. The condition on the state is spelled so that SQLite
-- does not take cdr_state for the same query, and sort.
CREATE INDEX cdr_waiting ON cdr (emsp_country, emsp_party, due, id, mail_since) WHERE mail = 'waiting';
CREATE INDEX cdr_dead ON cdr (id) WHERE mail = 'dead';
CREATE INDEX cdr_held ON cdr (id) WHERE held;
CREATE INDEX cdr_deadline ON cdr (deadline, id) WHERE NOT (state <> 'presented') AND NOT held AND deadline > 0;

-- Why a CDR was judged as it was, at the event of that seq; packed.
CREATE TABLE cdr_evidence (
    event BIGINT PRIMARY KEY,
    body  BYTEA NOT NULL
);

-- The leaves of the log, numbered without gaps from 0. hash is that of the leaf
-- in a Merkle tree of RFC 6962.
CREATE TABLE ledger_event (
    seq  BIGINT PRIMARY KEY,
    cdr  BIGINT NOT NULL,
    at   BIGINT NOT NULL,
    kind TEXT   NOT NULL,
    hash BYTEA  NOT NULL,
    leaf BYTEA  NOT NULL
);
CREATE INDEX ledger_event_cdr ON ledger_event (cdr, seq);

-- The complete nodes of the tree at the levels 8, 16, 24, …
CREATE TABLE ledger_node (
    level BIGINT NOT NULL,
    n     BIGINT NOT NULL,
    hash  BYTEA  NOT NULL,
    PRIMARY KEY (level, n)
);

-- Signed states of the log.
CREATE TABLE ledger_checkpoint (
    size BIGINT PRIMARY KEY,
    at   BIGINT NOT NULL,
    note BYTEA  NOT NULL
);

-- Double entries, numbered without gaps from 1: what belongs to one event adds
-- up to 0 in each currency. Debits are above 0, credits below.
CREATE TABLE posting (
    id       BIGINT PRIMARY KEY,
    event    BIGINT NOT NULL,
    cdr      BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    account  TEXT   NOT NULL,
    currency TEXT   NOT NULL,
    amount   BIGINT NOT NULL
);
CREATE INDEX posting_account ON posting (account, id);
CREATE INDEX posting_cdr ON posting (cdr, id);
CREATE INDEX posting_at ON posting (at, id);

-- The sums of the postings.
CREATE TABLE balance (
    account  TEXT   NOT NULL,
    currency TEXT   NOT NULL,
    amount   BIGINT NOT NULL,
    PRIMARY KEY (account, currency)
);

-- Tariffs as they were, by the time at which the hub received them.
CREATE TABLE tariff_version (
    country  TEXT    NOT NULL,
    party    TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    received BIGINT  NOT NULL,
    version  TEXT    NOT NULL,
    hash     BYTEA   NOT NULL,
    deleted  BOOLEAN NOT NULL,
    body     BYTEA   NOT NULL,
    PRIMARY KEY (country, party, id, received)
);

-- Authorizations that the hub has seen ("authorization" is a word of SQL).
CREATE TABLE permission (
    id           TEXT   NOT NULL PRIMARY KEY,
    at           BIGINT NOT NULL,
    cpo_country  TEXT   NOT NULL,
    cpo_party    TEXT   NOT NULL,
    emsp_country TEXT   NOT NULL,
    emsp_party   TEXT   NOT NULL,
    reference    TEXT   NOT NULL,
    token        TEXT   NOT NULL,
    contract     TEXT   NOT NULL,
    location     TEXT   NOT NULL,
    session      TEXT   NOT NULL,
    method       TEXT   NOT NULL
);
CREATE INDEX permission_token ON permission (token, at);
CREATE INDEX permission_reference ON permission (reference) WHERE reference <> '';
CREATE INDEX permission_at ON permission (at);

-- Sessions of which a CDR is expected.
CREATE TABLE session_watch (
    country      TEXT   NOT NULL,
    party        TEXT   NOT NULL,
    session      TEXT   NOT NULL,
    emsp_country TEXT   NOT NULL,
    emsp_party   TEXT   NOT NULL,
    token        TEXT   NOT NULL,
    evse         TEXT   NOT NULL,
    status       TEXT   NOT NULL,
    started      BIGINT NOT NULL,
    ended        BIGINT NOT NULL,
    updated      BIGINT NOT NULL,
    cdr          BIGINT NOT NULL,
    due          BIGINT NOT NULL,
    raised       TEXT   NOT NULL,
    PRIMARY KEY (country, party, session)
);
CREATE INDEX session_watch_due ON session_watch (due) WHERE due > 0;

-- Public keys with which meters sign, by EVSE.
CREATE TABLE meter_key (
    country TEXT   NOT NULL,
    party   TEXT   NOT NULL,
    evse    TEXT   NOT NULL,
    key     TEXT   NOT NULL,
    since   BIGINT NOT NULL,
    PRIMARY KEY (country, party, evse)
);

CREATE TABLE ledger_finding (
    id           TEXT   NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,
    cpo_country  TEXT   NOT NULL,
    cpo_party    TEXT   NOT NULL,
    emsp_country TEXT   NOT NULL,
    emsp_party   TEXT   NOT NULL,
    session      TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    cleared      BIGINT NOT NULL,
    text         TEXT   NOT NULL
);
CREATE INDEX ledger_finding_open ON ledger_finding (id) WHERE cleared = 0;

-- Whoever changes the past must take away a guard first. (What makes it visible
-- is the tree.) SQLite sees what is between the marks of the comment,
-- PostgreSQL what is before it.
CREATE FUNCTION ledger_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'rows of % are never changed', TG_TABLE_NAME; END $$; -- PostgreSQL only

-- +goose StatementBegin
CREATE TRIGGER ledger_event_update BEFORE UPDATE ON ledger_event FOR EACH ROW
EXECUTE FUNCTION ledger_keep() /* -- PostgreSQL only
BEGIN SELECT RAISE(ABORT, 'rows of ledger_event are never changed'); END
*/ -- PostgreSQL only
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ledger_event_delete BEFORE DELETE ON ledger_event FOR EACH ROW
EXECUTE FUNCTION ledger_keep() /* -- PostgreSQL only
BEGIN SELECT RAISE(ABORT, 'rows of ledger_event are never changed'); END
*/ -- PostgreSQL only
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ledger_node_update BEFORE UPDATE ON ledger_node FOR EACH ROW
EXECUTE FUNCTION ledger_keep() /* -- PostgreSQL only
BEGIN SELECT RAISE(ABORT, 'rows of ledger_node are never changed'); END
*/ -- PostgreSQL only
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ledger_node_delete BEFORE DELETE ON ledger_node FOR EACH ROW
EXECUTE FUNCTION ledger_keep() /* -- PostgreSQL only
BEGIN SELECT RAISE(ABORT, 'rows of ledger_node are never changed'); END
*/ -- PostgreSQL only
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ledger_checkpoint_update BEFORE UPDATE ON ledger_checkpoint FOR EACH ROW
EXECUTE FUNCTION ledger_keep() /* -- PostgreSQL only
BEGIN SELECT RAISE(ABORT, 'rows of ledger_checkpoint are never changed'); END
*/ -- PostgreSQL only
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ledger_checkpoint_delete BEFORE DELETE ON ledger_checkpoint FOR EACH ROW
EXECUTE FUNCTION ledger_keep() /* -- PostgreSQL only
BEGIN SELECT RAISE(ABORT, 'rows of ledger_checkpoint are never changed'); END
*/ -- PostgreSQL only
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER posting_update BEFORE UPDATE ON posting FOR EACH ROW
EXECUTE FUNCTION ledger_keep() /* -- PostgreSQL only
BEGIN SELECT RAISE(ABORT, 'rows of posting are never changed'); END
*/ -- PostgreSQL only
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER posting_delete BEFORE DELETE ON posting FOR EACH ROW
EXECUTE FUNCTION ledger_keep() /* -- PostgreSQL only
BEGIN SELECT RAISE(ABORT, 'rows of posting are never changed'); END
*/ -- PostgreSQL only
-- +goose StatementEnd

-- +goose Down

DROP TABLE ledger_finding;
DROP TABLE meter_key;
DROP TABLE session_watch;
DROP TABLE permission;
DROP TABLE tariff_version;
DROP TABLE balance;
DROP TABLE posting;
DROP TABLE ledger_checkpoint;
DROP TABLE ledger_node;
DROP TABLE ledger_event;
DROP TABLE cdr_evidence;
DROP TABLE cdr;
DROP FUNCTION ledger_keep(); -- PostgreSQL only
