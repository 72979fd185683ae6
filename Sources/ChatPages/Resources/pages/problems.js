// After this long, a person wonders what happens; in milliseconds.
const PATIENCE = 1_500;

/**
 * Carries out one action of a form or dialog at a time, and shows that it waits and why it failed.
 * @param {HTMLElement} form
 * @param {HTMLElement} problem where the reason appears
 * @param {() => Promise<void>} action
 */
export async function attempt(form, problem, action) {
    if (form.classList.contains("busy")) return;
    form.classList.add("busy");
    try {
        await waiting(problem, action);
    } catch (error) {
        problem.textContent = explain(error);
    } finally {
        form.classList.remove("busy");
    }
}

/**
 * The outcome of a request; says that it waits if it takes long.
 * @template T
 * @param {HTMLElement} note
 * @param {() => Promise<T>} request
 * @param {AbortSignal} [signal] aborts when the note is no longer about this request
 */
export async function waiting(note, request, signal) {
    const text = "Waiting for the server…";
    const timer = setTimeout(() => (note.textContent = text), PATIENCE);
    signal?.addEventListener("abort", () => clearTimeout(timer), { once: true });
    try {
        return await request();
    } finally {
        clearTimeout(timer);
        if (note.textContent === text) note.textContent = "";
    }
}

/**
 * Says in a sentence why a request failed.
 * @param {unknown} error
 */
export function explain(error) {
    const { detail, message } = /** @type {{ detail?: unknown, message: string }} */ (error);
    if (Array.isArray(detail)) return detail.map(issue).join(" ");
    const reason = typeof detail === "string" ? detail : message;
    return /[.!?…]$/.test(reason) ? reason : `${reason}.`;
}

/**
 * Says in a sentence how a message ended that has no text, or that its writer has not finished.
 * @param {{ state?: string, reason?: string }} message
 */
export function explainEnd({ state, reason }) {
    if (state === "done") return "This message has no text.";
    if (state === "cancelled") return reason ? `Stopped: ${reason}` : "Stopped.";
    switch (reason) {
        case undefined:
            return "Not finished: something went wrong.";
        case "abandoned":
            return "Not finished: its writer has disappeared.";
        case "imported":
            return "Not finished: the chat was exported while it was being written.";
        default:
            return `Not finished: ${reason}`;
    }
}

/**
 * Says what is wrong with a field; the validator's own words are for developers.
 * @param {{ type: string, msg: string, ctx?: { max_length?: number } }} issue
 */
function issue({ type, msg, ctx }) {
    switch (type) {
        case "string_too_long":
            return `This is too long: ${ctx?.max_length?.toLocaleString()} characters are the maximum.`;
        case "string_too_short":
            return "This may not be empty.";
        case "string_pattern_mismatch":
            // Of what people write, only user IDs have one.
            return "A user ID has no spaces, and only ASCII characters.";
        default:
            return `${msg}.`;
    }
}
