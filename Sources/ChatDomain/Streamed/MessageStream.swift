/// What has become of a message whose text grows while it is read; a message that was posted whole has none.
package enum MessageStream: Equatable, Sendable {
    /// The text still grows.
    case open(StreamWriter)
    /// The text has its final length.
    case ended(StreamEnd)

    /// Reads what a store has kept: `storedState`, with a writer if that is `open`.
    package init?(stored state: String, reason: String?, writer: StreamWriter?) {
        if let writer {
            self = .open(writer)
        } else if let state = StreamEnd.State(rawValue: state) {
            self = .ended(StreamEnd(state, reason: reason.map(EndReason.stored)))
        } else {
            return nil
        }
    }

    /// `open`, or the state in which the message ended.
    package var storedState: String {
        switch self {
        case .open: "open"
        case .ended(let end): end.state.rawValue
        }
    }

    /// The writer of an open message.
    package var writer: StreamWriter? {
        if case .open(let writer) = self { writer } else { nil }
    }

    /// How the message ended.
    package var end: StreamEnd? {
        if case .ended(let end) = self { end } else { nil }
    }

    /// How many messages of a chat may be open at once.
    package static let maximumPerChat = 16
}

/// What is known of the writer of an open message.
package struct StreamWriter: Equatable, Sendable {
    /// How long the message may go without an append.
    package let ttl: MessageTTL
    /// When the message ends unless the server that holds it says otherwise; it renews this while appends arrive.
    package var expiresAt: Instant
    /// Counts the times that a server took the message over; a server with an earlier number can no longer write.
    package var epoch: Int64
    /// When someone asked the writer to stop.
    package var cancelledAt: Instant?

    package init(ttl: MessageTTL, expiresAt: Instant, epoch: Int64 = 0, cancelledAt: Instant? = nil) {
        self.ttl = ttl
        self.expiresAt = expiresAt
        self.epoch = epoch
        self.cancelledAt = cancelledAt
    }

    /// How long a writer has to stop before the server ends the message.
    package static let cancelDelay = Duration.seconds(5)

    /// How the message must end because nobody writes any more; nil if that time has not come.
    package func lapse(at now: Instant) -> StreamEnd? {
        if let cancelledAt, cancelledAt.advanced(by: Self.cancelDelay) <= now { return StreamEnd(.cancelled) }
        return expiresAt <= now ? StreamEnd(.failed, reason: .abandoned) : nil
    }
}

/// How a streamed message ended.
package struct StreamEnd: Equatable, Sendable {
    /// `state` in the API, besides `open`.
    package enum State: String, CaseIterable, Sendable {
        /// The writer finished.
        case done
        /// The writer gave up, or was silent for too long.
        case failed
        /// Someone stopped it.
        case cancelled
    }

    package let state: State
    /// Nil if nobody gave one.
    package let reason: EndReason?

    package init(_ state: State, reason: EndReason? = nil) {
        self.state = state
        self.reason = reason
    }
}

/// Why a streamed message ended: 1 to 200 Unicode scalars.
package struct EndReason: BoundedText, Hashable, Sendable {
    /// In Unicode scalars, after trimming.
    package static let maximumLength = 200

    /// The trimmed text.
    package let value: String

    /// Trims and validates a text.
    ///
    /// - Throws: Only the first violation found.
    package init(_ text: String) throws(TextViolation) {
        value = try Self.validated(text)
    }

    private init(unchecked value: String) {
        self.value = value
    }

    /// Takes a reason that was validated before it was stored.
    package static func stored(_ value: String) -> EndReason {
        EndReason(unchecked: value)
    }

    /// The writer was silent for the message's `ttl`.
    package static let abandoned = EndReason(unchecked: "abandoned")
    /// The message was open when its archive was written.
    package static let imported = EndReason(unchecked: "imported")
}

/// How long an open message may go without an append: 5 to 600 seconds.
package struct MessageTTL: Hashable, Sendable {
    package static let allowed: ClosedRange<Int64> = 5...600
    package static let standard = MessageTTL(seconds: 60)

    package let seconds: Int64

    /// - Precondition: `seconds` is allowed.
    package init(seconds: Int64) {
        precondition(Self.allowed.contains(seconds), "a message cannot go \(seconds) s without an append")
        self.seconds = seconds
    }

    package var duration: Duration {
        .seconds(seconds)
    }
}

/// The text of a message that is or was open: up to 32,768 Unicode scalars, kept as they are.
package struct StreamedText: Hashable, Sendable {
    /// In Unicode scalars.
    package static let maximumLength = 32_768

    /// May be empty; it is not trimmed.
    package let value: String

    /// - Throws: Only the first violation found.
    package init(_ text: String) throws(TextViolation) {
        let (count, containsNull) = text.measured()
        if count > Self.maximumLength { throw .tooLong(maximum: Self.maximumLength) }
        if containsNull { throw .containsNull }
        value = text
    }

    private init() {
        value = ""
    }

    package static let empty = StreamedText()
}

/// What the writer of a message is doing, for its readers: 1 to 200 Unicode scalars.
///
/// It is never stored.
package struct WriterStatus: BoundedText, Hashable, Sendable {
    /// In Unicode scalars, after trimming.
    package static let maximumLength = 200

    /// The trimmed text.
    package let value: String

    /// Trims and validates a text.
    ///
    /// - Throws: Only the first violation found.
    package init(_ text: String) throws(TextViolation) {
        value = try Self.validated(text)
    }
}
