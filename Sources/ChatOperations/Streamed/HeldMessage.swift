import ChatDomain
import ChatLive
import Synchronization

/// An open message that this server writes.
///
/// Its text is in memory, and in the database as of the last checkpoint. What is acknowledged but not stored is lost with
/// the process; the writer still has it.
final class HeldMessage: Sendable {
    /// Monotonic, so that leases do not depend on the wall clock.
    typealias Clock = ContinuousClock.Instant

    /// What is to be done about a message, apart from appends.
    enum Duty: Equatable {
        case checkpoint
        case end(StreamEnd)
    }

    fileprivate struct State {
        /// The length of the text in the database.
        var stored: Int
        /// When the text was stored.
        var storedAt: Clock
        /// The last append.
        var appendedAt: Clock
        /// The append that the stored lease counts from.
        var leasedFrom: Clock
        /// When this server learned that the writer shall stop.
        var cancelledAt: Clock?
        /// Who has been permitted to write since the message was taken over.
        var writers: Set<Caller>
        /// The caller of the last append, in whose name the text is stored.
        var writer: Caller
        /// Whether a checkpoint is under way.
        var isStoring = false
        /// Whether the message is being ended, so that its text must not grow any more.
        var isEnding = false
        /// Whether this server holds the message no longer.
        var isReleased = false
        /// How much of the text other servers were told.
        var announced: Int
        var announcedStatus: String?
        var isAnnouncing = false
        /// Whether other servers wait until the text is stored.
        var isWanted = false
    }

    /// What its readers get.
    let text: OpenMessage
    /// The message ends after so long without an append.
    private let ttl: Duration
    /// The epoch in which this server writes.
    let epoch: Int64
    private let state: Mutex<State>

    /// - Precondition: The message is open.
    init(_ text: OpenMessage, _ writer: StreamWriter, stored: Int, by caller: Caller, at now: Clock) {
        self.text = text
        ttl = writer.ttl.duration
        epoch = writer.epoch
        state = Mutex(
            State(
                stored: stored,
                storedAt: now,
                appendedAt: now,
                leasedFrom: now,
                cancelledAt: writer.cancelledAt == nil ? nil : now,
                writers: [caller],
                writer: caller,
                announced: stored
            )
        )
    }

    var reference: BatchPlan.MessageReference {
        text.reference
    }

    func permits(_ caller: Caller) -> Bool {
        state.withLock { $0.writers.contains(caller) }
    }

    /// Appends, or only renews the lease if the text is empty.
    ///
    /// - Throws: `AppendRejection`, `StoreError.messageNotOpen` if the message is being ended, and
    ///   `StoreError.writerReplaced` if this server does not hold it any more.
    func append(
        _ piece: StreamedText,
        at offset: Int,
        status: String?,
        by caller: Caller,
        at now: Clock
    ) throws -> (receipt: AppendReceipt, hasChanged: Bool) {
        try state.withLock { state in
            if state.isReleased { throw StoreError.writerReplaced }
            if state.isEnding { throw StoreError.messageNotOpen }
            let (length, hasChanged) = try text.write(piece.value, at: offset, status: status)
            state.appendedAt = now
            state.writer = caller
            let receipt = AppendReceipt(
                length: length,
                stored: state.stored,
                isCancelRequested: state.cancelledAt != nil
            )
            return (receipt, hasChanged)
        }
    }

    func requestCancel(at now: Clock) {
        state.withLock { $0.cancelledAt = $0.cancelledAt ?? now }
    }

    /// What must happen now.
    func duty(at now: Clock) -> Duty? {
        let length = text.length
        return state.withLock { state -> Duty? in
            if state.isEnding { return nil }
            if let cancelledAt = state.cancelledAt, now >= cancelledAt + StreamWriter.cancelDelay {
                return .end(StreamEnd(.cancelled))
            }
            if now >= state.appendedAt + ttl { return .end(StreamEnd(.failed, reason: .abandoned)) }
            return !state.isStoring && state.isCheckpointDue(length, ttl, at: now) ? .checkpoint : nil
        }
    }

    /// Starts a checkpoint; nil if one is under way, or if the message is being ended.
    func beginCheckpoint(at now: Clock) -> (text: StreamedText, expiresAt: Instant, writer: Caller, appendedAt: Clock)?
    {
        state.withLock { state in
            guard !state.isStoring, !state.isEnding, let text = try? StreamedText(text.text) else { return nil }
            state.isStoring = true
            let sinceAppend = state.appendedAt.duration(to: now)
            let expiresAt = Instant.now().advanced(by: ttl - sinceAppend)
            return (text, expiresAt, state.writer, state.appendedAt)
        }
    }

    /// Ends a checkpoint.
    ///
    /// - Parameter length: Of the text that was stored; nil if it was not.
    func endCheckpoint(_ length: Int?, appendedAt: Clock, isCancelRequested: Bool, at now: Clock) {
        state.withLock { state in
            state.isStoring = false
            if isCancelRequested { state.cancelledAt = state.cancelledAt ?? now }
            guard let length else { return }
            state.stored = length
            state.storedAt = now
            state.leasedFrom = appendedAt
        }
    }

    /// Stops appends, so that the text is final; false if the message is being ended already.
    func beginEnd() -> Bool {
        state.withLock { state in
            if state.isEnding { return false }
            state.isEnding = true
            return true
        }
    }

    /// The end has failed: appends are accepted again.
    func abortEnd() {
        state.withLock { $0.isEnding = false }
    }

    /// This server does not hold the message any more: no more appends.
    func release() {
        state.withLock { $0.isReleased = true }
    }
}

/// What other servers are told of the text, by one task at a time.
extension HeldMessage {
    /// Starts to announce growth; false if a task does so already.
    func beginAnnouncing() -> Bool {
        state.withLock { state in
            if state.isAnnouncing { return false }
            state.isAnnouncing = true
            return true
        }
    }

    /// Ends announcing; false if there is more to announce.
    func endAnnouncing() -> Bool {
        state.withLock { state in
            state.isAnnouncing = !state.isReleased && (state.isWanted || news(state) != nil)
            return !state.isAnnouncing
        }
    }

    /// Returns what has been written since the last call; nil if nothing was.
    func takeNews() -> TextPiece? {
        state.withLock { state in
            guard !state.isReleased, let piece = news(state) else { return nil }
            state.announced = piece.offset + piece.text.unicodeScalars.count
            state.announcedStatus = piece.status
            return piece
        }
    }

    private func news(_ state: State) -> TextPiece? {
        let piece = text.written(from: state.announced)
        return piece.text.isEmpty && piece.status == state.announcedStatus ? nil : piece
    }

    /// Another server needs what is not stored yet.
    func want() {
        state.withLock { $0.isWanted = true }
    }

    var isWanted: Bool {
        state.withLock { $0.isWanted }
    }

    /// Whether the text is stored up to a length.
    func isStored(upTo length: Int) -> Bool {
        state.withLock { $0.stored >= length }
    }

    /// Takes note that other servers can read what they wanted, and returns the length of the stored text.
    ///
    /// The status, which is not stored, becomes news again.
    func satisfy() -> Int {
        state.withLock { state in
            state.isWanted = false
            state.announcedStatus = nil
            return state.stored
        }
    }
}

extension HeldMessage.State {
    /// No row per piece of text, and no cost that is quadratic in its length.
    fileprivate func isCheckpointDue(_ length: Int, _ ttl: Duration, at now: HeldMessage.Clock) -> Bool {
        let age = storedAt.duration(to: now)
        if length > stored, age >= .seconds(10) { return true }
        if age >= .seconds(2), length > stored, 4 * (length - stored) >= stored { return true }
        // Other servers see the stored lease only.
        return appendedAt > leasedFrom && now >= leasedFrom + ttl / 2
    }
}

/// The response to an append.
package struct AppendReceipt: Equatable, Sendable {
    /// The length of the text, in Unicode scalars.
    package let length: Int
    /// How much of it is in the database: the writer keeps the rest.
    package let stored: Int
    /// Whether somebody has asked the writer to stop.
    package let isCancelRequested: Bool

    package init(length: Int, stored: Int, isCancelRequested: Bool) {
        self.length = length
        self.stored = stored
        self.isCancelRequested = isCancelRequested
    }
}
