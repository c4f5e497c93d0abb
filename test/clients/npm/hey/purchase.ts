// A purchase by the client that hey-api generates.
import { client } from "./api/client.gen";
import { holdSeats, listEvents, listTickets, logIn, logOut, pay } from "./api/sdk.gen";

let token = "";
client.setConfig({ baseUrl: process.env.BOXOFFICE_URL, auth: () => token });

const session = await logIn({ body: { email: process.env.BUYER, password: process.env.PASSWORD! } });
if (!session.data) throw new Error(`log-in: ${session.error?.detail}`);
token = session.data.token;
const events = await listEvents();
if (!events.data) throw new Error(`events: ${events.error?.detail}`);
for (const e of events.data.items) {
  if (e.status !== "on_sale" || e.available_seats < 2) continue;
  const held = await holdSeats({ body: { event_id: e.id, quantity: 2 } });
  if (!held.data) continue; // not open yet, or sold out meanwhile
  const paid = await pay({ body: { booking_id: held.data.id, method: "tok_ok" } });
  if (paid.data?.status !== "captured") throw new Error(`payment: ${paid.error?.detail ?? paid.data?.status}`);
  const tickets = await listTickets({ path: { id: held.data.id } });
  if (tickets.data?.items.length !== 2) throw new Error(`tickets: ${tickets.error?.detail}`);
  await logOut();
  console.log(`booked ${held.data.reference}`);
  break;
}
export {};
