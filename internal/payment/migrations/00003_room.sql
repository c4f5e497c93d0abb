-- beside: 3
-- +goose Up
-- A payment is inserted, and changed once, moments later: there is room for all
-- changes on the page of the row, so that they touch no index.
/*postgres: ALTER TABLE payments SET (fillfactor = 45);*/

-- +goose Down
/*postgres: ALTER TABLE payments SET (fillfactor = 60);*/
