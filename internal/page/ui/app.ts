// Loaded by every page. All of it is an enhancement: pages work without.
import { editor, figures } from "./console";
import { localTimes } from "./time";

localTimes(document);
figures(document);
editor(document);
