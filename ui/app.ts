// Loaded by every page. All of it is an enhancement: pages work without.

import { editor, figures } from "./console";
import { countdowns } from "./countdown";
import { forms } from "./forms";
import { heldSeats } from "./held";
import { mapSlot } from "./mapslot";
import { offline } from "./offline";
import { searchAsTyped } from "./search";
import { seatList } from "./seats";
import { localTimes, ownTimes } from "./time";
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
