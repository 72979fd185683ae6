import ChatLive
import HTTPTypes
import Hummingbird
import Synchronization

/// Counts streams, WebSockets and long polls, and rejects clients over the limits.
final class StreamAdmissions: Sendable {
    private struct Counts {
        var total = 0
        var ofAddress: [String: Int] = [:]
    }

    private let counts = Mutex(Counts())
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
        let refusal = counts.withLock { counts -> APIError? in
            if counts.total >= limits.maximumStreams { return .tooManyStreams }
            let own = counts.ofAddress[address, default: 0]
            if own >= limits.maximumStreamsPerAddress { return .tooManyStreamsOfClient }
            counts.ofAddress[address] = own + 1
            counts.total += 1
            return nil
        }
        if let refusal { throw refusal }
        return Admission(self, address)
    }

    private func leave(_ address: String) {
        counts.withLock { counts in
            counts.total -= 1
            let own = counts.ofAddress[address, default: 1] - 1
            counts.ofAddress[address] = own == 0 ? nil : own
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
