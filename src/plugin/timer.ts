/** The longest that a timer can wait, about 24 days: it would not wait at all for longer. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;
