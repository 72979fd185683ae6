/// The waits of a client.
package actor Pauses {
    private typealias Pause = (least: Task<Void, Never>, rest: Task<Void, Never>)

    private var pauses: [Int: Pause] = [:]
    private var lastID = 0
    package private(set) var isClosed = false

    package init() {}

    /// Whether a pause is under way.
    package var isWaiting: Bool {
        !pauses.isEmpty
    }

    /// Returns after the delay, or early if the network is restored, the task is canceled or the client is closed.
    package func wait(_ delay: Delay) async {
        guard !isClosed else { return }
        let pause = (least: Self.sleep(delay.least), rest: Self.sleep(delay.total))
        lastID += 1
        let id = lastID
        pauses[id] = pause
        await withTaskCancellationHandler {
            await pause.least.value
            await pause.rest.value
        } onCancel: {
            pause.least.cancel()
            pause.rest.cancel()
        }
        pauses[id] = nil
    }

    /// Ends waits, except for what servers have asked for.
    package func hurry() {
        for pause in pauses.values { pause.rest.cancel() }
    }

    /// Ends all waits, now and later.
    package func close() {
        isClosed = true
        for pause in pauses.values { pause.least.cancel() }
        hurry()
    }

    private static func sleep(_ duration: Duration) -> Task<Void, Never> {
        // It fails when it is canceled, which ends the wait.
        Task { try? await Task.sleep(for: duration) }
    }
}
