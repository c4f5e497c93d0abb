// A purchase by the client that orval generates.
import { holdSeats, listEvents, listTickets, logIn, logOut, pay } from "./api";

const session = await logIn({ email: process.env.BUYER, password: process.env.PASSWORD! });
if (session.status !== 200) throw new Error(`log-in: ${session.data.detail}`);
const headers = { Authorization: `Bearer ${session.data.token}` };
const events = await listEvents();
if (events.status !== 200) throw new Error(`events: ${events.status}`);
for (const e of events.data.items) {
  if (e.status !== "on_sale" || e.available_seats < 2) continue;
  const held = await holdSeats({ event_id: e.id, quantity: 2 }, { headers });
  if (held.status !== 201) continue; // not open yet, or sold out meanwhile
  const paid = await pay({ booking_id: held.data.id, method: "tok_ok" }, { headers });
  if (paid.status !== 201 || paid.data.status !== "captured") throw new Error(`payment: ${paid.status}`);
  const tickets = await listTickets(held.data.id, undefined, { headers });
  if (tickets.status !== 200 || tickets.data.items.length !== 2) throw new Error(`tickets: ${tickets.status}`);
  await logOut({ headers });
  console.log(`booked ${held.data.reference}`);
  break;
}
export {};
