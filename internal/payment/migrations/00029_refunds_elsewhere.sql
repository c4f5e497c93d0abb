-- beside: 7
-- +goose Up

-- What was given back on the gateway's own pages and is set off against a refund, minor
-- units. An earlier program sets nothing off: a person looks at refunds of payments of which
-- something was given back so until now, if they have failed or are tried again.
ALTER TABLE refunds ADD COLUMN elsewhere BIGINT NOT NULL DEFAULT 0;
UPDATE refunds SET elsewhere = amount WHERE status = 'needless' AND reason = 'refunded-elsewhere';
UPDATE refunds SET elsewhere = 1 WHERE amount > 1
    AND (status = 'failed' AND handled = '' OR status = 'pending' AND (attempt > 1 OR reason = '' AND updated_at > created_at))
    AND EXISTS (SELECT 1 FROM payments p WHERE p.event_id = refunds.event_id COLLATE "C" AND p.id = refunds.payment_id COLLATE "C" AND p.elsewhere > 0);

-- +goose Down
ALTER TABLE refunds DROP COLUMN elsewhere;
