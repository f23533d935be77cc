// What a process of the test runner says to the runner among what tests print.

/** Stands before the result of a file, on a line of its own: no test prints it. */
export const MARK = '\u0000 result of a file '
