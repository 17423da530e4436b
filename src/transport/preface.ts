/** Of what a proxy puts before a message, instead of its length: there is none; more must come; it is not to be taken. */
export const Preface = { NONE: 0, INCOMPLETE: -1, WRONG: -2 } as const;
