-- beside: 5
-- +goose Up

-- Payments that were given up, by event: what of their money went back. Only giving
-- up changes ends_as, so that other updates stay heap-only.
CREATE INDEX payments_given_up ON payments (id) WHERE ends_as <> '';

-- +goose Down
DROP INDEX payments_given_up;
