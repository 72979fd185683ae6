package import ChatLive
import HTTPConnections
import HTTPTypes
import Hummingbird
package import NIOCore
import Synchronization

/// Counts streams, WebSockets and long polls, and rejects clients over the limits.
package final class StreamAdmissions: Sendable {
    /// What a slot is for.
    package enum Transport: String, CaseIterable, Sendable {
        /// The events of chats, as Server-Sent Events or as lines of JSON.
        case stream
        case inbox
        /// The text of one message.
        case text
        case webSocket = "websocket"
        case longPoll = "long_poll"
    }

    private struct State {
        var slots = SlotCounts<String>()
        var transports: [Transport: Int] = [:]
    }

    private let state = Mutex(State())
    private let limits: StreamLimits

    /// Counts all streams of a server.
    package init(_ limits: StreamLimits) {
        self.limits = limits
    }

    /// A slot, which is freed when this object is released.
    package final class Admission: Sendable {
        private let admissions: StreamAdmissions
        /// The client address, for the log.
        let address: String
        /// Who counts as one client; see `AddressBlock`.
        let client: String
        private let transport: Transport

        fileprivate init(
            _ admissions: StreamAdmissions,
            _ transport: Transport,
            _ address: String,
            _ client: String
        ) {
            self.admissions = admissions
            self.transport = transport
            self.address = address
            self.client = client
        }

        deinit {
            admissions.state.withLock { state in
                state.slots.giveBack(of: client)
                state.transports[transport, default: 1] -= 1
            }
        }
    }

    /// Open at the moment.
    var count: Int {
        state.withLock { $0.slots.total }
    }

    /// The same by transport.
    var counts: [(Transport, Int)] {
        let counts = state.withLock(\.transports)
        return Transport.allCases.map { ($0, counts[$0, default: 0]) }
    }

    /// Takes a slot for a client.
    ///
    /// - Parameters:
    ///   - peer: The address of the client's connection.
    ///   - transport: What the slot is for.
    /// - Throws: `APIError.tooManyStreams` or `APIError.tooManyStreamsOfClient`.
    package func admit(_ peer: SocketAddress?, to transport: Transport) throws(APIError) -> Admission {
        let client = AddressBlock(peer).description
        let refusal = state.withLock { state in
            let refusal = state.slots.take(
                for: client,
                maximum: limits.maximumStreams,
                maximumPerClient: limits.maximumStreamsPerAddress
            )
            if refusal == nil {
                state.transports[transport, default: 0] += 1
            }
            return refusal
        }
        switch refusal {
        case .total: throw .tooManyStreams
        case .ofClient: throw .tooManyStreamsOfClient
        case nil: return Admission(self, transport, peer?.clientText ?? "", client)
        }
    }
}

extension APIError {
    static let tooManyStreams = APIError(
        status: .serviceUnavailable,
        code: "too_many_streams",
        detail: "Too many streams are open, try again later",
        headers: [.retryAfter: "5"]
    )
    static let tooManyStreamsOfClient = APIError(
        status: .tooManyRequests,
        code: "too_many_streams_of_client",
        detail: "Too many streams from this address are open",
        headers: [.retryAfter: "5"]
    )
}
