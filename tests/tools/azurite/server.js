// Azurite, which takes its options itself; it ends with its input, so that it does not outlive a suite that was killed.
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
require("azurite/dist/src/azurite.js");
