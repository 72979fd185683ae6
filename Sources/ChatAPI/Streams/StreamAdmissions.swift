package import ChatLive
import HTTPConnections
import HTTPTypes
import Hummingbird
package import NIOCore
import Synchronization

/// Counts streams, WebSockets and long polls, and rejects clients over the limits.
package final class StreamAdmissions: Sendable {
    private let slots = Mutex(SlotCounts<String>())
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

        fileprivate init(_ admissions: StreamAdmissions, _ address: String, _ client: String) {
            self.admissions = admissions
            self.address = address
            self.client = client
        }

        deinit {
            admissions.slots.withLock { $0.giveBack(of: client) }
        }
    }

    /// Open at the moment.
    var count: Int {
        slots.withLock { $0.total }
    }

    /// Takes a slot for a client.
    ///
    /// - Parameter peer: The address of the client's connection.
    /// - Throws: `APIError.tooManyStreams` or `APIError.tooManyStreamsOfClient`.
    package func admit(_ peer: SocketAddress?) throws(APIError) -> Admission {
        let client = AddressBlock(peer).description
        let refusal = slots.withLock { slots in
            slots.take(
                for: client,
                maximum: limits.maximumStreams,
                maximumPerClient: limits.maximumStreamsPerAddress
            )
        }
        switch refusal {
        case .total: throw .tooManyStreams
        case .ofClient: throw .tooManyStreamsOfClient
        case nil: return Admission(self, peer?.ipAddress ?? "", client)
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
