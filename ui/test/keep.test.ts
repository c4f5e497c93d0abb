import assert from "node:assert/strict";
import { test } from "node:test";
import { handling, keepAs, marked } from "../keep";

const at = (path: string): URL => new URL(path, "https://tickets.example");

test("of private pages only opened tickets and the list of orders are kept", () => {
  assert.equal(handling("GET", true, at("/orders")), "keep");
  assert.equal(handling("GET", true, at("/orders/06a1b2c3/tickets?token=x")), "keep");
  for (const path of [
    "/",
    "/orders?page=2",
    "/orders/06a1b2c3",
    "/orders/06a1b2c3/cancel",
    "/orders/06a1b2c3/tickets.pdf",
    "/account",
    "/account/export",
    "/checkout/06a1b2c3",
    "/organizer",
  ])
    assert.equal(handling("GET", true, at(path)), "page", path);
});

test("scripts, feeds and the API are left alone", () => {
  for (const path of ["/orders", "/events/06a1b2c3/live", "/users/06a1b2c3", "/e/06a1b2c3/poster.svg"])
    assert.equal(handling("GET", false, at(path)), "pass", path);
  assert.equal(handling("HEAD", true, at("/orders")), "pass");
  assert.equal(handling("GET", true, at("/orders/06a1b2c3/tickets/41.pkpass?token=x")), "pass");
  assert.equal(handling("GET", false, at("/assets/app.0123456789.js")), "asset");
});

test("what was kept goes with whoever comes or leaves, and with nobody else", () => {
  for (const path of ["/sign-in", "/sign-up", "/sign-out", "/account/delete", "/checkout/06a1b2c3/code"])
    assert.equal(handling("POST", true, at(path)), "leave", path);
  for (const path of ["/orders", "/orders/06a1b2c3/cancel", "/e/06a1b2c3/hold", "/checkout/06a1b2c3/resend"])
    assert.equal(handling("POST", true, at(path)), "pass", path);
  assert.equal(handling("GET", true, at("/sign-in")), "page");
});

test("a copy has no token in its name, and says that it is one", () => {
  assert.equal(keepAs(at("/orders/06a1b2c3/tickets?token=x")), "/orders/06a1b2c3/tickets");
  assert.equal(marked('<!doctype html>\n<html lang="en">'), '<!doctype html>\n<html data-kept lang="en">');
});
