import DequeModule
package import NIOCore
import Synchronization

/// Counts connections, in all and for each address.
///
/// A connection over the limits gets a surplus slot. If all are taken, the oldest connection whose request is not being
/// answered loses its slot. However fast one client connects, others' requests for the server's health are answered.
package final class ConnectionSlots: Sendable {
    private struct Surplus {
        let channel: any Channel
        var isAnswering = false
    }

    private struct State {
        var total = 0
        var ofAddress: [AddressBlock: Int] = [:]
        var surplus: Deque<Surplus> = []
    }

    private let state = Mutex(State())
    private let limits: HTTPLimits

    package init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// Takes a slot for a connection.
    ///
    /// - Returns: False if there is none.
    package func take(for address: AddressBlock) -> Bool {
        state.withLock { state in
            let own = state.ofAddress[address, default: 0]
            guard state.total < limits.maximumConnections, own < limits.maximumConnectionsPerAddress else {
                return false
            }
            state.total += 1
            state.ofAddress[address] = own + 1
            return true
        }
    }

    package func giveBack(of address: AddressBlock) {
        state.withLock { state in
            state.total -= 1
            let own = state.ofAddress[address, default: 1] - 1
            state.ofAddress[address] = own == 0 ? nil : own
        }
    }

    /// Takes a surplus slot.
    ///
    /// - Returns: The connection that lost its slot, which the caller closes.
    package func takeSurplus(for channel: any Channel) -> (any Channel)? {
        state.withLock { state in
            state.surplus.append(Surplus(channel: channel))
            guard state.surplus.count > limits.maximumSurplusConnections else { return nil }
            return state.surplus.remove(at: state.surplus.firstIndex { !$0.isAnswering } ?? 0).channel
        }
    }

    /// Keeps a connection in its surplus slot, since its request is being answered.
    package func keepSurplus(of channel: any Channel) {
        state.withLock { state in
            guard let index = state.surplus.firstIndex(where: { $0.channel === channel }) else { return }
            state.surplus[index].isAnswering = true
        }
    }

    package func giveSurplusBack(of channel: any Channel) {
        state.withLock { $0.surplus.removeAll { $0.channel === channel } }
    }
}

/// What the connections of one client have in common: an IPv4 address, or the first 64 bits of an IPv6 address, which
/// is what a provider gives to one customer at least.
package enum AddressBlock: Hashable, Sendable {
    case ipv4(UInt32)
    case ipv6(UInt64)
    case other

    package init(_ address: SocketAddress?) {
        switch address {
        case .v4(let address):
            self = .ipv4(withUnsafeBytes(of: address.address) { $0.word(at: 4) })
        case .v6(let address):
            let words = withUnsafeBytes(of: address.address) { bytes in (2..<6).map { bytes.word(at: 4 * $0) } }
            // An IPv4 address as a socket for both sees it (RFC 4291, section 2.5.5.2).
            self =
                words[0] == 0 && words[1] == 0 && words[2] == 0xFFFF
                ? .ipv4(words[3]) : .ipv6(UInt64(words[0]) << 32 | UInt64(words[1]))
        default:
            self = .other
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Part of an address in a `sockaddr_in`, which has it at 4, or a `sockaddr_in6`, which has it at 8.
    fileprivate func word(at offset: Int) -> UInt32 {
        UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
