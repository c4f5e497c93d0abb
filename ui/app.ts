// Loaded by every page. All of it is an enhancement: pages work without.
import { countdowns } from "./countdown";
import { forms } from "./forms";
import { heldSeats } from "./held";
import { mapSlot } from "./mapslot";
import { searchAsTyped } from "./search";
import { seatList } from "./seats";
import { editor, figures } from "./console";
import { localTimes, ownTimes } from "./time";
import { offline } from "./offline";
import { waiting } from "./wait";

localTimes(document);
ownTimes(document);
countdowns(document);
searchAsTyped(document);
seatList(document);
mapSlot();
offline();
figures(document);
editor(document);
heldSeats(document);
forms();
waiting(document);
