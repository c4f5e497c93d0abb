// Loaded by every page. All of it is an enhancement: pages work without.
import { countdowns } from "./countdown";
import { forms } from "./forms";
import { heldSeats } from "./held";
import { searchAsTyped } from "./search";
import { seatList } from "./seats";
import { localTimes } from "./time";
import { waiting } from "./wait";

localTimes(document);
countdowns(document);
searchAsTyped(document);
seatList(document);
heldSeats(document);
forms();
waiting(document);
