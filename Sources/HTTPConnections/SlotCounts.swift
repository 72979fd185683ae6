/// Counts slots in use, in total and by client.
package struct SlotCounts<Client: Hashable & Sendable>: Sendable {
    /// The limit that leaves no slot.
    package enum Refusal: Sendable {
        case total
        case ofClient
    }

    /// Slots in use.
    package private(set) var total = 0
    private var ofClient: [Client: Int] = [:]

    package init() {}

    /// Takes a slot for a client.
    ///
    /// - Returns: Nil, or the reason why no slot was taken.
    package mutating func take(for client: Client, maximum: Int, maximumPerClient: Int) -> Refusal? {
        let own = ofClient[client, default: 0]
        if total >= maximum { return .total }
        if own >= maximumPerClient { return .ofClient }
        total += 1
        ofClient[client] = own + 1
        return nil
    }

    /// Returns a slot that was taken for a client.
    package mutating func giveBack(of client: Client) {
        total -= 1
        let own = ofClient[client, default: 1] - 1
        ofClient[client] = own == 0 ? nil : own
    }
}
