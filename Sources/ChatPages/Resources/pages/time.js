// Times as people write them, in the language of the browser.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const EXACT = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const SHORT_WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const MEDIUM_DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const SHORT_DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** @param {Date} date */
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** @param {Date} date */
const daysAgo = (date) => Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);

/** @param {string} instant */
export const clock = (instant) => CLOCK.format(new Date(instant));

/** @param {string} instant */
export const exact = (instant) => EXACT.format(new Date(instant));

/** @param {string} instant */
export const date = (instant) => MEDIUM_DATE.format(new Date(instant));

/** @param {string} instant */
export const full = (instant) => FULL.format(new Date(instant));

/** @param {string} one @param {string} other */
export const isSameDay = (one, other) => midnight(new Date(one)) === midnight(new Date(other));

/**
 * The heading of a day.
 * @param {string} instant
 */
export function day(instant) {
    const date = new Date(instant);
    const days = daysAgo(date);
    if (days === 0) return "Today";
    if (days === 1) return "Yesterday";
    return days > 1 && days < 7 ? WEEKDAY.format(date) : DATE.format(date);
}

/**
 * The time in a list.
 * @param {string} instant
 */
export function short(instant) {
    const date = new Date(instant);
    const days = daysAgo(date);
    if (days <= 0) return CLOCK.format(date);
    return days < 7 ? SHORT_WEEKDAY.format(date) : SHORT_DATE.format(date);
}

/**
 * How long an instant has been past, by this machine's clock.
 * @param {string} instant
 */
export const since = (instant) => duration(Math.max(0, Math.floor((Date.now() - Date.parse(instant)) / 1_000)));

/**
 * A length of time in its two largest units.
 * @param {number} seconds
 */
export function duration(seconds) {
    const days = Math.floor(seconds / 86_400);
    const hours = Math.floor(seconds / 3_600) % 24;
    const minutes = Math.floor(seconds / 60) % 60;
    if (days > 0) return `${days} d ${hours} h`;
    if (hours > 0) return `${hours} h ${minutes} min`;
    return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}
