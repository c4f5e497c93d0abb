-- beside: 3
-- +goose Up
-- Accounts of guests who have not shown yet who they are, for those that end them.
CREATE INDEX users_visiting ON users (id) WHERE role = 'guest';

-- +goose Down
DROP INDEX users_visiting;
