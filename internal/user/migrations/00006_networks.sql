-- +goose Up
-- beside: 4
-- Networks of accounts that do not come back are forgotten, too.
CREATE INDEX known_networks_idle ON known_networks (seen_at);

-- +goose Down
DROP INDEX known_networks_idle;
