package execkit

// Version is the version of this build. The VERSION file holds the same text; a test compares them.
const Version = "0.1.0"

// ABIVersion is major<<16 | minor of the C interface, as include/execkit.h has it. A binding refuses another major, and a
// lesser minor than it needs.
const ABIVersion = 1<<16 | 2
