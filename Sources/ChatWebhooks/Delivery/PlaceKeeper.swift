import ChatDomain
import DequeModule

/// Lets deliveries wait for a place.
actor PlaceKeeper {
    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private var places = DeliveryPlaces()
    private var waiting: [WebhookID: Deque<Waiter>] = [:]
    /// The webhooks in `waiting`, those that have waited longest first.
    private var turns: Deque<WebhookID> = []
    private var lastNumber = 0

    func share(among webhooks: Set<WebhookID>) {
        places.share(among: webhooks)
        resumeWaiters()
    }

    /// Waits for a place.
    ///
    /// - Returns: False if the task was cancelled before it got one.
    func take(_ id: WebhookID) async -> Bool {
        if Task.isCancelled { return false }
        if waiting[id] == nil, places.take(id) { return true }
        lastNumber += 1
        let number = lastNumber
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard !Task.isCancelled else { return continuation.resume(returning: false) }
                if waiting[id] == nil {
                    turns.append(id)
                }
                waiting[id, default: []].append(Waiter(number: number, continuation: continuation))
                resumeWaiters()
            }
        } onCancel: {
            Task { await self.cancel(number, of: id) }
        }
    }

    /// Gives a place back; see `DeliveryPlaces`.
    func giveBack(_ id: WebhookID, responded: Bool?) {
        places.giveBack(id, responded: responded)
        resumeWaiters()
    }

    private func cancel(_ number: Int, of id: WebhookID) {
        guard let index = waiting[id]?.firstIndex(where: { $0.number == number }),
            let waiter = waiting[id]?.remove(at: index)
        else { return }
        forgetIfNoneWaits(id)
        waiter.continuation.resume(returning: false)
    }

    private func resumeWaiters() {
        while let id = places.next(of: turns), places.take(id), let waiter = waiting[id]?.popFirst() {
            // To the end: others have the next turn.
            turns.removeAll { $0 == id }
            turns.append(id)
            forgetIfNoneWaits(id)
            waiter.continuation.resume(returning: true)
        }
    }

    private func forgetIfNoneWaits(_ id: WebhookID) {
        guard waiting[id]?.isEmpty ?? false else { return }
        waiting[id] = nil
        turns.removeAll { $0 == id }
    }
}
