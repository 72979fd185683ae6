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

    /// The text of the server that held a message before, as far as it has arrived.
    struct Incoming {
        var text: GrowingText
        /// The epoch in which that server held the message.
        let epoch: Int64
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
        /// When the store last permitted a writer to write.
        let permittedAt: Clock
        /// Whether the writers may have lost their rights.
        var isDoubted = false
        /// What arrives from the server that held the message before; nil once that is complete.
        var incoming: Incoming?
        /// Whether a checkpoint is under way.
        var isStoring = false
        /// Whether the message is being ended, so that its text must not grow any more.
        var isEnding = false
        /// Why this server holds the message no longer; nil while it does.
        var release: Release?
        /// Tasks that wait for a `Stop`, or for the rest of the text.
        var waiters: [Int: AsyncStream<Never>.Continuation] = [:]
        var lastWaiter = 0
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

    /// - Parameters:
    ///   - stored: The length of the stored text.
    ///   - incoming: The stored text, if another server may have more; replaces the text once it is complete.
    ///   - previous: What this server held until now, whose lease continues: only appends renew it.
    /// - Precondition: The message is open.
    init(
        _ text: OpenMessage,
        _ writer: StreamWriter,
        stored: Int,
        incoming: Incoming?,
        by caller: Caller,
        at now: Clock,
        continuing previous: HeldMessage?
    ) {
        self.text = text
        ttl = writer.ttl.duration
        epoch = writer.epoch
        state = Mutex(
            State(
                stored: stored,
                // If servers take the message from each other all the time, its text is stored nevertheless.
                storedAt: incoming == nil ? now : now - State.checkpointInterval,
                appendedAt: previous?.appendedAt ?? now,
                leasedFrom: now,
                cancelledAt: previous?.cancelledAt ?? (writer.cancelledAt == nil ? nil : now),
                writers: [caller],
                permittedAt: now,
                incoming: incoming,
                announced: stored
            )
        )
    }

    var reference: BatchPlan.MessageReference {
        text.reference
    }

    /// Whether the caller may write without asking the store.
    func permits(_ caller: Caller, at now: Clock) -> Bool {
        state.withLock { state in
            if state.release != nil || state.isDoubted && now >= state.permittedAt + .seconds(1) { return false }
            return state.incoming == nil && state.writers.contains(caller)
        }
    }

    /// Has the store asked again whether a writer may write: at once, or within a second.
    ///
    /// - Parameter isCertain: Whether memberships of the chat have changed.
    func doubtWriters(_ isCertain: Bool) {
        state.withLock { state in
            state.isDoubted = true
            if isCertain { state.writers = [] }
        }
    }

    /// Appends, or only renews the lease if the text is empty.
    ///
    /// - Throws: `AppendRejection`, `StoreError.messageNotOpen` if the message is being ended, and
    ///   `StoreError.writerReplaced` if this server does not hold it any more.
    func append(
        _ piece: StreamedText,
        at offset: Int,
        status: String?,
        at now: Clock
    ) throws -> (receipt: AppendReceipt, hasChanged: Bool) {
        try state.withLock { state in
            if state.release != nil { throw StoreError.writerReplaced }
            if state.isEnding { throw StoreError.messageNotOpen }
            let (length, hasChanged) = try text.write(piece.value, at: offset, status: status)
            state.appendedAt = now
            let receipt = AppendReceipt(
                length: length,
                stored: state.stored,
                isCancelRequested: state.cancelledAt != nil
            )
            return (receipt, hasChanged)
        }
    }

    func requestCancel(at now: Clock) {
        state.withLock { $0.cancel(at: now) }
    }

    /// What must happen now.
    func duty(at now: Clock) -> Duty? {
        let length = text.length
        return state.withLock { state -> Duty? in
            if state.isEnding || state.incoming != nil { return nil }
            if let cancelledAt = state.cancelledAt, now >= cancelledAt + StreamWriter.cancelDelay {
                return .end(StreamEnd(.cancelled))
            }
            if now >= state.appendedAt + ttl { return .end(StreamEnd(.failed, reason: .abandoned)) }
            return !state.isStoring && state.isCheckpointDue(length, ttl, at: now) ? .checkpoint : nil
        }
    }

    /// Starts a checkpoint; nil if one is under way, or if the message is being ended.
    func beginCheckpoint(at now: Clock) -> (text: StreamedText, expiresAt: Instant, appendedAt: Clock)? {
        state.withLock { state in
            guard !state.isStoring, !state.isEnding, state.incoming == nil, let text = try? StreamedText(text.text)
            else { return nil }
            state.isStoring = true
            let sinceAppend = state.appendedAt.duration(to: now)
            let expiresAt = Instant.now().advanced(by: ttl - sinceAppend)
            return (text, expiresAt, state.appendedAt)
        }
    }

    /// Ends a checkpoint.
    ///
    /// - Parameter length: Of the text that was stored; nil if it was not.
    func endCheckpoint(_ length: Int?, appendedAt: Clock, isCancelRequested: Bool, at now: Clock) {
        state.withLock { state in
            state.isStoring = false
            if isCancelRequested { state.cancel(at: now) }
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
    ///
    /// - Returns: The text that is not stored, the first time.
    @discardableResult
    func release(_ reason: Release) -> TextPiece? {
        state.withLock { state in
            guard state.release == nil else { return nil }
            state.end(reason)
            return text.written(from: state.stored)
        }
    }
}

/// Why a server no longer holds a message.
enum Release: Equatable {
    /// The message has ended, or was deleted.
    case ended
    /// Another server has taken the message over.
    case replaced
    /// Nobody has taken the message over: the next append finds it again.
    case forgotten
}

/// What a writer waits for that sends nothing.
extension HeldMessage {
    /// Why a writer should not wait with its next piece of text.
    enum Stop: Equatable {
        case cancelRequested
        case released(Release)
    }

    /// Returns when the writer should stop; nil if the task was cancelled first.
    func stop() async -> Stop? {
        await wait { state in
            if let release = state.release { return .released(release) }
            return state.cancelledAt == nil ? nil : .cancelRequested
        }
    }

    /// Waits for the text that the server before has not stored, at most for a time.
    func complete(within timeout: Duration) async {
        let deadline = Task {
            try await Task.sleep(for: timeout)
            endTakeover()
        }
        _ = await wait { state in state.incoming != nil && state.release == nil ? nil : true }
        deadline.cancel()
    }

    /// Takes text that the server before has not stored; ignores it if nobody waits for it any more.
    func complete(with piece: TextPiece) {
        state.withLock { _ = try? $0.incoming?.text.write(piece.text, at: piece.offset) }
    }

    /// What arrives from the server before; nil if that is complete.
    var incoming: Incoming? {
        state.withLock { $0.incoming }
    }

    /// The server before has sent everything, or is gone.
    ///
    /// - Parameter epoch: That of the server that has sent everything; nil to wait no longer.
    func endTakeover(by epoch: Int64? = nil) {
        state.withLock { state in
            guard let incoming = state.incoming, epoch == nil || epoch == incoming.epoch else { return }
            text.replace(with: incoming.text.text)
            state.incoming = nil
            state.notifyWaiters()
        }
    }

    private func wait<Event>(for event: (State) -> Event?) async -> Event? {
        while !Task.isCancelled {
            let (events, waiter) = AsyncStream<Never>.makeStream()
            let (found, id) = state.withLock { state in
                state.lastWaiter += 1
                state.waiters[state.lastWaiter] = waiter
                return (event(state), state.lastWaiter)
            }
            defer { state.withLock { _ = $0.waiters.removeValue(forKey: id) } }
            if let found { return found }
            for await _ in events {}
        }
        return nil
    }

    /// Releases the message unless that would lose text.
    ///
    /// - Returns: Whether it was released.
    func releaseIfStored() -> Bool {
        state.withLock { state in
            guard !state.isEnding, state.stored == text.length else { return false }
            state.end(.forgotten)
            return true
        }
    }

    /// When the last append arrived.
    var appendedAt: Clock {
        state.withLock { $0.appendedAt }
    }

    /// When this server learned that the writer shall stop.
    var cancelledAt: Clock? {
        state.withLock { $0.cancelledAt }
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
            state.isAnnouncing = state.release == nil && (state.isWanted || news(state) != nil)
            return !state.isAnnouncing
        }
    }

    /// Returns what has been written since the last call; nil if nothing was.
    func takeNews() -> TextPiece? {
        state.withLock { state in
            guard state.release == nil, let piece = news(state) else { return nil }
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
    /// The time between checkpoints of a text that grows fast.
    fileprivate static var checkpointInterval: Duration { .seconds(2) }

    fileprivate mutating func end(_ reason: Release) {
        release = reason
        notifyWaiters()
    }

    fileprivate mutating func cancel(at now: HeldMessage.Clock) {
        guard cancelledAt == nil else { return }
        cancelledAt = now
        notifyWaiters()
    }

    fileprivate mutating func notifyWaiters() {
        for waiter in waiters.values { waiter.finish() }
        waiters = [:]
    }

    /// No row per piece of text, and no cost that is quadratic in its length.
    fileprivate func isCheckpointDue(_ length: Int, _ ttl: Duration, at now: HeldMessage.Clock) -> Bool {
        let age = storedAt.duration(to: now)
        if length > stored, age >= .seconds(10) { return true }
        if age >= Self.checkpointInterval, length > stored, 4 * (length - stored) >= stored { return true }
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
    /// Whether someone asked the writer to stop.
    package let isCancelRequested: Bool

    package init(length: Int, stored: Int, isCancelRequested: Bool) {
        self.length = length
        self.stored = stored
        self.isCancelRequested = isCancelRequested
    }
}
