// What weir does otherwise than HAProxy 3.4, on purpose or for now, case by case: name of the case → the reason.
// A difference that is not listed fails the parity test; so does a listed one that no longer occurs.

export const DIFFERENCES: Readonly<Record<string, string>> = {};
