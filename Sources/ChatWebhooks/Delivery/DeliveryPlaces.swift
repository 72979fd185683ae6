package import ChatDomain

/// The places for requests that are under way at the same time, shared among webhooks.
///
/// A webhook whose receiver is slow holds its places for long. So many places are kept for webhooks that have none. One
/// that gets no responses has a single place, and all of these together cannot take the places that are kept.
package struct DeliveryPlaces: Sendable {
    /// The number of places.
    package static let total = 64
    /// The most places of one webhook.
    package static let perWebhook = 16
    /// The most places that are kept for webhooks that have none.
    package static let reserve = 32

    private var webhooks: Set<WebhookID> = []
    private var taken: [WebhookID: Int] = [:]
    private var silent: Set<WebhookID> = []
    private var count = 0

    package init() {}

    /// Sets which webhooks share the places.
    package mutating func share(among webhooks: Set<WebhookID>) {
        self.webhooks = webhooks
        silent.formIntersection(webhooks)
    }

    /// Takes a place.
    ///
    /// - Returns: False if the webhook has to wait until one is given back.
    package mutating func take(_ id: WebhookID) -> Bool {
        guard admits(id) else { return false }
        taken[id, default: 0] += 1
        count += 1
        return true
    }

    /// Gives a place back.
    ///
    /// - Parameter responded: Whether the receiver responded, in time; nil if nothing was sent.
    package mutating func giveBack(_ id: WebhookID, responded: Bool?) {
        let own = taken[id, default: 1] - 1
        taken[id] = own > 0 ? own : nil
        count -= 1
        switch responded {
        case true: silent.remove(id)
        case false: if webhooks.contains(id) { silent.insert(id) }
        case nil: break
        }
    }

    /// Returns the webhook that takes the next place, of those that wait: the one with the fewest, and of several the
    /// first.
    package func next(of waiting: some Sequence<WebhookID>) -> WebhookID? {
        waiting.filter(admits).min { taken[$0, default: 0] < taken[$1, default: 0] }
    }

    private func admits(_ id: WebhookID) -> Bool {
        let own = taken[id, default: 0]
        if silent.contains(id) {
            let held = silent.reduce(0) { $0 + taken[$1, default: 0] }
            return own == 0 && count < Self.total && held < Self.total - Self.reserve
        }
        if own == 0 { return count < Self.total }
        if own >= Self.perWebhook { return false }
        let without = webhooks.count { taken[$0] == nil && !silent.contains($0) }
        return count + min(without, Self.reserve) < Self.total
    }
}
