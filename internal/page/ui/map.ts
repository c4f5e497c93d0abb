// Loaded by the event page: the seat map.
export {};
