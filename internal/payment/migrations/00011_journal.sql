-- beside: 7
-- +goose Up

-- The parts of an amount, so that its postings know them; 0 in rows of older programs.
ALTER TABLE payments ADD COLUMN fees BIGINT NOT NULL DEFAULT 0; -- minor units: fees and tax in the amount
ALTER TABLE payments ADD COLUMN tax BIGINT NOT NULL DEFAULT 0;  -- minor units: the tax in the fees
-- What the gateway has withdrawn because the buyer disputes the payment.
ALTER TABLE payments ADD COLUMN disputed BIGINT NOT NULL DEFAULT 0; -- minor units
ALTER TABLE payments ADD COLUMN dispute TEXT NOT NULL DEFAULT '';   -- '', open, won, lost

-- Where the buyer approves the charge while the gateway waits for that: the number of its
-- method, a space, and a URL.
ALTER TABLE payments ADD COLUMN approve TEXT NOT NULL DEFAULT '';

-- The version of the row up to which the journal speaks of it. Programs that keep no
-- journal leave it behind.
ALTER TABLE payments ADD COLUMN posted BIGINT NOT NULL DEFAULT 0;

-- The journal: what happened to payments, and the money that it moved, in the
-- transactions that changed their rows. What a batch does in an event is one row for
-- each currency.
CREATE TABLE payments_journal (
    event_id TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL, -- begins with the time
    currency TEXT COLLATE "C" NOT NULL,
    postings TEXT NOT NULL,             -- JSON, see journal.go
    PRIMARY KEY (event_id, id, currency)
) /*sqlite: WITHOUT ROWID*/;

-- Payments that have taken money before begin with a posting, a thousand in a row.
INSERT INTO payments_journal (event_id, id, currency, postings)
SELECT event_id, '00000000000000000-' || CAST(part AS TEXT), currency, '[' || /*sqlite: group_concat*//*postgres: string_agg*/(posting, ',') || ']'
FROM (
    SELECT event_id, currency, (row_number() OVER (PARTITION BY event_id, currency ORDER BY id) - 1) / 1000 AS part,
        '{"p":"' || id || '","s":"opening","l":{' || CASE
            WHEN status = 'returning' THEN '"gateway":' || CAST(amount AS TEXT) || ',"buyer":' || CAST(-amount AS TEXT)
            ELSE '"gateway":' || CAST(amount - refunded AS TEXT) || ',"organizer":' || CAST(-amount AS TEXT) || ',"refunds":' || CAST(refunded AS TEXT)
        END || '}}' AS posting
    FROM payments
    WHERE amount > 0 AND (status = 'captured' OR status = 'returning' OR status = 'refunded' AND ends_as = '')
) AS opening
GROUP BY event_id, currency, part;
UPDATE payments SET posted = version WHERE status IN ('captured', 'returning', 'refunded');

-- Nothing in it is changed.
/*sqlite:
-- +goose StatementBegin
CREATE TRIGGER payments_journal_stays BEFORE UPDATE ON payments_journal BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payments_journal_keeps BEFORE DELETE ON payments_journal BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;
-- +goose StatementEnd
*/
/*postgres:
-- +goose StatementBegin
CREATE FUNCTION payments_journal_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the journal is only appended to'; END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_journal_stays BEFORE UPDATE OR DELETE ON payments_journal FOR EACH ROW EXECUTE FUNCTION payments_journal_stays();
*/

-- +goose Down
DROP TABLE payments_journal;
/*postgres: DROP FUNCTION payments_journal_stays();*/
ALTER TABLE payments DROP COLUMN posted;
ALTER TABLE payments DROP COLUMN approve;
ALTER TABLE payments DROP COLUMN dispute;
ALTER TABLE payments DROP COLUMN disputed;
ALTER TABLE payments DROP COLUMN tax;
ALTER TABLE payments DROP COLUMN fees;
