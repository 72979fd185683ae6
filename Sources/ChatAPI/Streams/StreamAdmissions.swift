import ChatLive
import HTTPConnections
import HTTPTypes
import Hummingbird
import Synchronization

/// Counts streams, WebSockets and long polls, and rejects clients over the limits.
final class StreamAdmissions: Sendable {
    private let slots = Mutex(SlotCounts<String>())
    private let limits: StreamLimits

    init(_ limits: StreamLimits) {
        self.limits = limits
    }

    /// A slot, which is freed when this object is released.
    final class Admission: Sendable {
        private let admissions: StreamAdmissions
        /// The client address.
        let address: String

        fileprivate init(_ admissions: StreamAdmissions, _ address: String) {
            self.admissions = admissions
            self.address = address
        }

        deinit {
            admissions.leave(address)
        }
    }

    /// Takes a slot for a client address.
    ///
    /// - Throws: `APIError.tooManyStreams` or `APIError.tooManyStreamsOfClient`.
    func admit(_ address: String) throws(APIError) -> Admission {
        let refusal = slots.withLock { slots in
            slots.take(
                for: address,
                maximum: limits.maximumStreams,
                maximumPerClient: limits.maximumStreamsPerAddress
            )
        }
        switch refusal {
        case .total: throw .tooManyStreams
        case .ofClient: throw .tooManyStreamsOfClient
        case nil: return Admission(self, address)
        }
    }

    private func leave(_ address: String) {
        slots.withLock { $0.giveBack(of: address) }
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
