package import ChatDomain
package import ChatLive
package import Logging
import Synchronization

/// The open messages that this server writes, in memory between checkpoints.
///
/// - A message has one holder among all servers: the one that took it over last. An earlier one is told, or notices when
///   it stores the text, and gives the message up with the text that it has not stored. So as long as both live, a text
///   that was acknowledged is never lost.
/// - A text that was stored is never shortened, except by its author's final text.
package final class HeldMessages<Store: ChatStore>: Sendable {
    private typealias Holding = Task<HeldMessage, any Error>

    private struct Departure {
        let rest: TextPiece
        let epoch: Int64
        let time: ContinuousClock.Instant
    }

    private struct State {
        var held: [BatchPlan.MessageReference: HeldMessage] = [:]
        /// What was not stored of messages that another server has taken over, until that server asks for it.
        var departed: [BatchPlan.MessageReference: Departure] = [:]
        /// Messages that are being taken over.
        var holding: [BatchPlan.MessageReference: Holding] = [:]
        /// When to look for messages that no server holds any more.
        var nextSweep: ContinuousClock.Instant
        /// How many messages are being opened on this server.
        var opening = 0
        /// Whether the process is about to end, so that every append must be stored.
        var isStopping = false

        var count: Int {
            held.count + holding.keys.count(where: { held[$0] == nil }) + opening
        }
    }

    /// How long the server that held a message before has to send the text that it has not stored.
    private static var takeoverTimeout: Duration { .seconds(1) }
    /// How long the unstored text of a message that this server gave up is kept.
    private static var departureTimeout: Duration { .seconds(5) }
    private static var sweepInterval: Duration { .seconds(5) }
    /// Messages per sweep.
    private static var sweepSize: Int { 100 }

    /// Reads the time.
    package typealias Now = @Sendable () -> ContinuousClock.Instant

    private let store: Store
    private let hub: EventHub
    let growth: GrowthNotices
    private let copies: MessageCopies<Store>
    private let logger: Logger
    private let now: Now
    private let capacity: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - growth: Carries notices about open messages to other servers, and theirs to this one.
    ///   - capacity: How many messages this server holds before it opens no other, and before it gives up the ones that
    ///     were not written for the longest time.
    ///   - now: Leases and checkpoints depend on it.
    package init(
        _ store: Store,
        hub: EventHub,
        growth: GrowthNotices = GrowthNotices(),
        logger: Logger = Logger(label: "streams"),
        capacity: Int = 1_000,
        now: @escaping Now = { .now }
    ) {
        self.store = store
        self.hub = hub
        self.growth = growth
        copies = MessageCopies(store, hub: hub, growth: growth, now: now)
        self.logger = logger
        self.capacity = capacity
        self.now = now
        state = Mutex(State(nextSweep: now()))
        store.signals.addListener { [weak self] in self?.receive($0) }
        growth.addListener { [weak self] in self?.receive($0) }
    }

    /// Returns the text that the readers of an open message get, which may be longer than the stored one.
    ///
    /// - Parameter message: As it was just read from the store.
    func text(of message: Message) -> String {
        copies.noteRead(message)
        return hub.openMessages[message.reference]?.text ?? message.text
    }

    /// Appends to a message; takes it over if another server or none holds it.
    ///
    /// - Throws: `AppendRejection`, and `StoreError`.
    package func append(
        _ piece: StreamedText,
        to reference: BatchPlan.MessageReference,
        at offset: Int,
        status: String?,
        by caller: Caller
    ) async throws -> AppendReceipt {
        func write(to message: HeldMessage) throws -> (HeldMessage, AppendReceipt, hasChanged: Bool) {
            let (receipt, hasChanged) = try message.append(piece, at: offset, status: status, at: now())
            return (message, receipt, hasChanged)
        }
        let known = state.withLock { $0.held[reference] }
        let held = try await hold(reference, by: caller)
        let message: HeldMessage
        let receipt: AppendReceipt
        let hasChanged: Bool
        do {
            (message, receipt, hasChanged) = try write(to: held)
        } catch StoreError.writerReplaced {
            // Another server took the message over just now.
            (message, receipt, hasChanged) = try write(to: await hold(reference, by: caller))
        } catch AppendRejection.offsetMismatch where held === known {
            // Another server may have taken it over without our knowledge, and have more of the text.
            (message, receipt, hasChanged) = try write(to: await takeOver(reference, by: caller))
        }
        if hasChanged {
            hub.grew(message.text)
            announce(message)
        }
        let isStopping = state.withLock { $0.isStopping }
        if isStopping {
            await store(message)
        } else if message.duty(at: now()) == .checkpoint {
            Task { await store(message) }
        }
        return receipt
    }

    /// Returns when the writer of a message that this server holds should append, if only nothing, to learn of its end or
    /// of a request to stop; or when the task is cancelled.
    ///
    /// - Throws: `StoreError.writerReplaced` when another server takes the message over.
    package func waitForStop(of reference: BatchPlan.MessageReference) async throws(StoreError) {
        guard let held = state.withLock({ $0.held[reference] }) else { return }
        if await held.stop() == .released(.replaced) { throw .writerReplaced }
    }

    /// Ends a message; ending it again in the same way changes nothing.
    ///
    /// - Throws: `AppendRejection` if the text has another length than the writer says, and `StoreError`.
    package func finish(
        _ reference: BatchPlan.MessageReference,
        _ finish: MessageFinish,
        by caller: Caller
    ) async throws -> Message {
        do {
            return try await self.finish(try await hold(reference, by: caller), finish, by: caller)
        } catch StoreError.messageNotOpen {
            return try finish.repeated(on: try await store.message(reference.id, in: reference.chatID, by: caller))
        }
    }

    private func finish(_ message: HeldMessage, _ finish: MessageFinish, by caller: Caller) async throws -> Message {
        guard message.beginEnd() else { throw StoreError.messageNotOpen }
        if let length = finish.length, length != message.text.length {
            message.abortEnd()
            throw AppendRejection.offsetMismatch(length: message.text.length)
        }
        return try await end(message, finish, by: caller)
    }

    /// Asks the writer of a message to stop; the server ends the message if it does not.
    ///
    /// - Throws: `StoreError`.
    package func cancel(_ reference: BatchPlan.MessageReference, by caller: Caller) async throws(StoreError) {
        _ = try await store.changeStream(StreamRequest(.cancel, of: reference, by: caller))
        // This server is told as all others are.
        growth.send(GrowthNotice(reference, .cancelRequested))
    }

    /// Makes sure that this server may hold one more message, which is about to be opened; call `endOpening` afterwards.
    ///
    /// - Throws: `StoreError.tooManyHeldMessages`.
    package func beginOpening() throws(StoreError) {
        let isFull = state.withLock { state in
            if state.count >= capacity { return true }
            state.opening += 1
            return false
        }
        if isFull { throw .tooManyHeldMessages }
    }

    /// The message was opened, or could not be.
    package func endOpening() {
        state.withLock { $0.opening -= 1 }
    }

    /// Holds a message that this server has just opened.
    package func opened(_ message: Message, by caller: Caller) {
        guard let writer = message.stream?.writer, writer.epoch == 0 else { return }
        keep(message, writer, by: caller)
    }

    /// Stores every text, and from now on every append before it is acknowledged: the process is about to end.
    package func stop() async {
        state.withLock { $0.isStopping = true }
        await storeAll()
    }

    /// Stores the texts and ends the messages whose time has come; to be called every second.
    package func attend() async {
        let now = now()
        let (held, isSweeping) = state.withLock { state in
            state.departed = state.departed.filter { now < $0.value.time + Self.departureTimeout }
            let isSweeping = now >= state.nextSweep
            if isSweeping { state.nextSweep = now + Self.sweepInterval }
            return (Array(state.held.values), isSweeping)
        }
        await withDiscardingTaskGroup { group in
            for message in held {
                switch message.duty(at: now) {
                case .checkpoint: group.addTask { await self.store(message) }
                case .end(let end): group.addTask { await self.lapse(message, end) }
                case nil: break
                }
            }
            if isSweeping { group.addTask { await self.sweep() } }
        }
        copies.attend()
    }
}

extension HeldMessages {
    /// Ends messages that no server holds any more.
    private func sweep() async {
        do throws(StoreError) {
            for reference in try await store.lapsedMessages(at: .now(), limit: Self.sweepSize) {
                let request = LogRequest(.lapse(reference.id), in: reference.chatID, by: .anonymous)
                // It may have ended or been deleted meanwhile.
                _ = try? await store.recordMessage(request)
            }
        } catch {
            logger.warning("Looking for abandoned messages failed", metadata: ["reason": "\(error.reason)"])
        }
    }

    private func lapse(_ message: HeldMessage, _ end: StreamEnd) async {
        guard message.beginEnd() else { return }
        // If the store fails, the next second tries again.
        _ = try? await self.end(message, MessageFinish(end), by: .anonymous)
    }

    /// - Precondition: `beginEnd` has returned true.
    private func end(_ message: HeldMessage, _ finish: MessageFinish, by caller: Caller) async throws -> Message {
        do {
            let text = try finish.text ?? StreamedText(message.text.text)
            let whole = MessageFinish(
                finish.end,
                text: text,
                metadata: finish.metadata,
                onlyIf: finish.condition
            )
            let reference = message.reference
            let request = LogRequest(
                .finish(reference.id, whole, epoch: message.epoch),
                in: reference.chatID,
                by: caller
            )
            let ended = try await store.recordMessage(request).value
            forget(message)
            return ended
        } catch let error as StoreError {
            if !giveUp(message, after: error) { message.abortEnd() }
            throw error
        }
    }

    /// Stores the text of a message, unless that is being done.
    ///
    /// What was acknowledged is stored even if its writer has lost the right to write since.
    func store(_ message: HeldMessage) async {
        guard let (text, expiresAt, appendedAt) = message.beginCheckpoint(at: now()) else { return }
        let change = StreamChange.checkpoint(text, epoch: message.epoch, expiresAt: expiresAt)
        do throws(StoreError) {
            let stored = try await store.changeStream(StreamRequest(change, of: message.reference, by: .anonymous))
            message.endCheckpoint(
                text.value.unicodeScalars.count,
                appendedAt: appendedAt,
                isCancelRequested: stored.stream?.writer?.cancelledAt != nil,
                at: now()
            )
        } catch {
            message.endCheckpoint(nil, appendedAt: appendedAt, isCancelRequested: false, at: now())
            _ = giveUp(message, after: error)
        }
    }

    private func storeAll() async {
        let held = state.withLock { Array($0.held.values) }
        await withDiscardingTaskGroup { group in
            for message in held { group.addTask { await self.store(message) } }
        }
    }

    /// Gives a message up if an error says that this server no longer holds it.
    private func giveUp(_ message: HeldMessage, after error: StoreError) -> Bool {
        switch error {
        case .writerReplaced:
            handOver(message, to: nil)
        case .messageNotOpen, .messageNotFound, .chatNotFound:
            forget(message)
        default:
            return false
        }
        return true
    }
}

extension HeldMessages {
    /// Returns the message that this server holds; takes it over if it does not, or if the caller has not written it yet.
    private func hold(_ reference: BatchPlan.MessageReference, by caller: Caller) async throws -> HeldMessage {
        let (known, holding) = state.withLock { state -> (HeldMessage?, Holding?) in
            if let held = state.held[reference], held.permits(caller, at: now()) { return (held, nil) }
            if let holding = state.holding[reference] { return (nil, holding) }
            let holding = Holding {
                await self.makeRoom()
                return try await self.takeOver(reference, by: caller)
            }
            state.holding[reference] = holding
            return (nil, holding)
        }
        if let known { return known }
        if let held = try await holding?.value, held.permits(caller, at: now()) { return held }
        return try await takeOver(reference, by: caller)
    }

    /// If this server holds too many messages, gives up those that were not written for the longest time.
    ///
    /// Their next append takes them over again: a writer is never refused.
    private func makeRoom() async {
        let (held, excess) = state.withLock { (Array($0.held.values), $0.count - capacity) }
        guard excess > 0 else { return }
        let idlest = held.map { ($0, $0.appendedAt) }.sorted { $0.1 < $1.1 }.prefix(excess)
        for (message, _) in idlest {
            await store(message)
            if message.releaseIfStored(), remove(message) {
                copies.follow(message.reference, message.text, in: message.epoch, andNext: true)
            }
        }
    }

    /// Raises the epoch in the store, so that no other server writes the message any more.
    private func takeOver(_ reference: BatchPlan.MessageReference, by caller: Caller) async throws -> HeldMessage {
        defer { state.withLock { $0.holding[reference] = nil } }
        if let held = state.withLock({ $0.held[reference] }) { await store(held) }
        let message = try await store.changeStream(StreamRequest(.hold, of: reference, by: caller))
        guard let writer = message.stream?.writer else { throw StoreError.messageNotOpen }
        let held = keep(message, writer, by: caller)
        let length = message.openLength ?? 0
        growth.send(GrowthNotice(reference, .stored(length: length, epoch: writer.epoch)))
        await held.complete(within: Self.takeoverTimeout)
        hub.grew(held.text)
        announce(held)
        return held
    }

    @discardableResult
    private func keep(_ message: Message, _ writer: StreamWriter, by caller: Caller) -> HeldMessage {
        let reference = message.reference
        var previous = state.withLock { state in
            copies.claim(reference)
            return state.held[reference]
        }
        previous?.release(.forgotten)
        if let epoch = previous?.epoch, epoch + 1 != writer.epoch { previous = nil }
        let text: OpenMessage
        var incoming: HeldMessage.Incoming?
        if growth.hasRelays, writer.epoch > 0 {
            incoming = HeldMessage.Incoming(text: GrowingText(message.text), epoch: writer.epoch - 1)
        }
        if let previous {
            // Nobody else has written it, so what is not stored yet is still valid.
            text = previous.text
            incoming = previous.incoming
        } else if let known = hub.openMessages[reference] {
            text = known
            if incoming == nil { text.replace(with: message.text) }
            hub.grew(text)
        } else {
            text = OpenMessage(message, isNew: writer.epoch == 0)
            hub.opened(text)
        }
        let held = HeldMessage(
            text,
            writer,
            stored: message.openLength ?? 0,
            incoming: incoming,
            by: caller,
            at: now(),
            continuing: previous
        )
        state.withLock { state in
            copies.claim(reference)
            state.held[reference] = held
        }
        return held
    }

    /// Forgets a message that has ended.
    private func forget(_ message: HeldMessage) {
        if release(message, .ended) != nil { hub.closed(message.reference) }
    }

    /// Gives up a message that another server has taken over, and sends that server what is not stored.
    ///
    /// - Parameter epoch: That of the other server, if known: then it has the whole text afterward.
    private func handOver(_ message: HeldMessage, to epoch: Int64?) {
        guard let rest = release(message, .replaced) else { return }
        copies.follow(message.reference, message.text, in: epoch ?? message.epoch, andNext: epoch == nil)
        if epoch == nil {
            // The other server may not expect it yet.
            let departure = Departure(rest: rest, epoch: message.epoch, time: now())
            state.withLock { $0.departed[message.reference] = departure }
        }
        send(rest, of: message.reference, in: message.epoch)
    }

    /// Sends the new holder of a message what this server had not stored.
    private func send(_ rest: TextPiece, of reference: BatchPlan.MessageReference, in epoch: Int64) {
        for piece in rest.parts {
            growth.send(GrowthNotice(reference, .grew(piece, epoch: epoch)))
        }
        growth.send(GrowthNotice(reference, .released(epoch: epoch)))
    }

    /// Stops to hold a message, whose readers keep its text.
    ///
    /// - Returns: The text that is not stored; nil if this server does not hold the message anyway.
    private func release(_ message: HeldMessage, _ reason: Release) -> TextPiece? {
        let rest = message.release(reason)
        return remove(message) ? rest : nil
    }

    /// - Returns: False if this server does not hold the message anyway.
    private func remove(_ message: HeldMessage) -> Bool {
        state.withLock { state in
            guard state.held[message.reference] === message else { return false }
            state.held[message.reference] = nil
            copies.release(message.reference)
            return true
        }
    }

    private func receive(_ signal: LogSignal) {
        switch signal {
        case .appended(let entries, _):
            let changed = Set(entries.filter { !$0.kind.isAboutMessage }.map(\.subject.chatID))
            doubtWriters(in: changed, isCertain: true)
            for entry in entries {
                guard case .message(let message) = entry.subject, entry.kind != .messageCreated, !message.isOpen else {
                    continue
                }
                if let held = state.withLock({ $0.held[message.reference] }) { forget(held) }
            }
        case .deleted(let chat):
            let held = state.withLock { state in state.held.values.filter { $0.reference.chatID == chat } }
            for message in held { forget(message) }
            copies.drop(chat)
        case .membershipsChanged(let members):
            doubtWriters(in: Set(members.map(\.chatID)), isCertain: true)
        case .moved(let positions):
            // Another server does not say what has happened.
            doubtWriters(in: Set(positions.keys), isCertain: false)
        case .missed:
            copies.refresh()
            for message in state.withLock({ Array($0.held.values) }) { message.doubtWriters(false) }
            // Only the store knows whether another server has taken a message over, or somebody has cancelled it.
            if growth.hasRelays { Task { await storeAll() } }
        default:
            break
        }
    }

    /// Has the store asked whether the writers may still write.
    private func doubtWriters(in chats: Set<ChatID>, isCertain: Bool) {
        if chats.isEmpty { return }
        let held = state.withLock { state in state.held.values.filter { chats.contains($0.reference.chatID) } }
        for message in held { message.doubtWriters(isCertain) }
    }

    /// Notices of this server arrive here, too.
    private func receive(_ notice: GrowthNotice) {
        let held = state.withLock { $0.held[notice.message] }
        switch notice.content {
        case .grew(let piece, let epoch):
            if let held, epoch <= held.epoch {
                if epoch < held.epoch { held.complete(with: piece) }
                return
            }
            if let held { handOver(held, to: epoch) }
            copies.receive(notice)
        case .stored(_, let epoch):
            if let held {
                guard epoch > held.epoch else { return }
                handOver(held, to: epoch)
            } else if let departure = state.withLock({ $0.departed.removeValue(forKey: notice.message) }) {
                send(departure.rest, of: notice.message, in: departure.epoch)
            }
            copies.receive(notice)
        case .released(let epoch):
            held?.endTakeover(by: epoch)
        case .wanted:
            held?.want()
            held.map(announce)
        case .cancelRequested:
            let now = now()
            held?.requestCancel(at: now)
            state.withLock { $0.nextSweep = min($0.nextSweep, now + StreamWriter.cancelDelay) }
            hub.cancelRequested(notice.message)
        }
    }
}
