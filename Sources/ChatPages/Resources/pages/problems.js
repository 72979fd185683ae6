/**
 * Carries out one action of a form or dialog at a time, and shows why it failed.
 * @param {HTMLElement} form
 * @param {HTMLElement} problem where the reason appears
 * @param {() => Promise<void>} action
 */
export async function attempt(form, problem, action) {
    if (form.classList.contains("busy")) return;
    form.classList.add("busy");
    try {
        await action();
    } catch (error) {
        problem.textContent = explain(error);
    } finally {
        form.classList.remove("busy");
    }
}

/**
 * Says in a sentence why a request failed.
 * @param {unknown} error
 */
export function explain(error) {
    const { detail, message } = /** @type {{ detail?: unknown, message: string }} */ (error);
    if (Array.isArray(detail)) return detail.map(({ msg }) => msg).join(". ");
    return typeof detail === "string" ? detail : message;
}
