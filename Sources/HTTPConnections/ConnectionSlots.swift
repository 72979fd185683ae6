import DequeModule
package import NIOCore
import Synchronization

/// Counts connections, in total and by address.
///
/// A connection over the limits gets a surplus slot. If none is free, it replaces the oldest connection of the client
/// with the most surplus slots, except while the request of that connection is being answered. So however fast one client
/// opens connections, health checks by others are still answered.
package final class ConnectionSlots: Sendable {
    private struct Surplus {
        let channel: any Channel
        let client: AddressBlock
        var isAnswered = false
    }

    private struct State {
        var regular = SlotCounts<AddressBlock>()
        var surplus: Deque<Surplus> = []
    }

    private let state = Mutex(State())
    private let limits: HTTPLimits

    package init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// Open connections, including those with surplus slots.
    package var count: Int {
        state.withLock { $0.regular.total + $0.surplus.count }
    }

    /// Takes a slot for a connection; returns false if none is free.
    ///
    /// - Parameter isProxy: Whether the connection is a trusted proxy's.
    package func take(for address: AddressBlock, isProxy: Bool = false) -> Bool {
        let refusal = state.withLock { state in
            state.regular.take(
                for: address,
                maximum: limits.maximumConnections,
                maximumPerClient: isProxy ? .max : limits.maximumConnectionsPerAddress
            )
        }
        return refusal == nil
    }

    /// Returns the slot of a closed connection.
    package func giveBack(of address: AddressBlock) {
        state.withLock { $0.regular.giveBack(of: address) }
    }

    /// Takes a surplus slot.
    ///
    /// - Returns: The connection that lost its slot, if any; the caller must close it.
    package func takeSurplus(for channel: any Channel, from client: AddressBlock) -> (any Channel)? {
        state.withLock { state in
            defer { state.surplus.append(Surplus(channel: channel, client: client)) }
            guard state.surplus.count >= limits.maximumSurplusConnections else { return nil }
            let counts = Dictionary(state.surplus.map { ($0.client, 1) }, uniquingKeysWith: +)
            let idle = state.surplus.indices.filter { !state.surplus[$0].isAnswered }
            let most = idle.map { counts[state.surplus[$0].client, default: 0] }.max()
            let index = idle.first { counts[state.surplus[$0].client] == most }
            return state.surplus.remove(at: index ?? 0).channel
        }
    }

    /// Marks a connection whose request is being answered, so that it keeps its surplus slot.
    package func markSurplus(_ channel: any Channel, isAnswered: Bool) {
        state.withLock { state in
            guard let index = state.surplus.firstIndex(where: { $0.channel === channel }) else { return }
            state.surplus[index].isAnswered = isAnswered
        }
    }

    /// Returns the surplus slot of a closed connection; does nothing if it has lost its slot.
    package func giveSurplusBack(of channel: any Channel) {
        state.withLock { $0.surplus.removeAll { $0.channel === channel } }
    }
}
