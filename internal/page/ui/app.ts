// Loaded by every page. All of it is an enhancement: pages work without.
import { localTimes } from "./time";

localTimes(document);
