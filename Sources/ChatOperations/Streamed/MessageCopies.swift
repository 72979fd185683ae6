import ChatDomain
import ChatLive
import Synchronization

/// The texts of open messages that other servers hold, for the readers of this one.
///
/// Only messages that somebody follows or has read lately are copied. Without other servers, these are messages that were
/// open when the process started.
final class MessageCopies<Store: ChatStore>: Sendable {
    private struct State {
        var copies: [BatchPlan.MessageReference: MessageCopy] = [:]
        /// The messages that this server holds itself.
        var held: Set<BatchPlan.MessageReference> = []
        /// Chats whose open messages must be read.
        var unread: Set<ChatID> = []
        var isReadingChats = false
    }

    /// Chats per query.
    private static var readSize: Int { 1_000 }

    private let store: Store
    private let hub: EventHub
    private let growth: GrowthNotices
    private let now: @Sendable () -> ContinuousClock.Instant
    // The hub is called under this lock, and calls nobody back.
    private let state = Mutex(State())

    init(
        _ store: Store,
        hub: EventHub,
        growth: GrowthNotices,
        now: @escaping @Sendable () -> ContinuousClock.Instant
    ) {
        self.store = store
        self.hub = hub
        self.growth = growth
        self.now = now
        hub.newInterests.addListener { [weak self] chat in self?.readChats([chat]) }
    }

    /// Stops copying a message, which this server holds from now on.
    func claim(_ reference: BatchPlan.MessageReference) {
        state.withLock { state in
            state.held.insert(reference)
            state.copies[reference] = nil
        }
    }

    /// Permits copies of a message, which this server does not hold any more.
    func release(_ reference: BatchPlan.MessageReference) {
        state.withLock { _ = $0.held.remove(reference) }
    }

    /// Takes over the readers of a message that this server held until another one took it over.
    ///
    /// - Parameters:
    ///   - text: What the readers have.
    ///   - epoch: The epoch in which a server has this text.
    ///   - next: Whether the server that takes the message over next has it, too.
    func follow(
        _ reference: BatchPlan.MessageReference,
        _ text: OpenMessage,
        in epoch: Int64,
        andNext next: Bool
    ) {
        change(reference) { copy in
            copy.take(text, in: epoch, andNext: next, at: now())
            if next {
                copy.readAgain()
                copy.want()
            }
        }
    }

    /// Takes note of the holder's progress.
    func receive(_ notice: GrowthNotice) {
        let now = now()
        change(notice.message) { copy in
            switch notice.content {
            case .grew(let piece, let epoch): copy.receive(piece, in: epoch, at: now)
            case .stored(let length, let epoch): copy.receive(storedLength: length, in: epoch, at: now)
            case .released, .wanted, .cancelRequested: break
            }
        }
    }

    /// Takes note that somebody has read a message, which may be newer than the copy.
    func noteRead(_ message: Message) {
        guard growth.hasRelays else { return }
        let now = now()
        update(with: message, creates: true) { copy, isNew in
            copy.noteReader(at: now)
            if isNew { copy.want() }
        }
    }

    /// Notices may have been lost: reads everything again.
    func refresh() {
        let copied = state.withLock { Set($0.copies.keys.map(\.chatID)) }
        readChats(copied.union(hub.followedChats))
    }

    func drop(_ chat: ChatID) {
        state.withLock { state in
            for reference in state.copies.keys where reference.chatID == chat {
                drop(reference, from: &state)
            }
        }
    }

    /// Drops copies that nobody needs or hears of, and repeats what has failed; to be called every second.
    func attend() {
        let now = now()
        let steps = state.withLock { state in
            var steps: [(BatchPlan.MessageReference, MessageCopy.Step?)] = []
            for (reference, copy) in state.copies {
                // Once the log says that a message has ended, the hub delivers no more of it.
                let isDelivered = copy.text == nil || copy.text === hub.openMessages[reference]
                if isDelivered, isNeeded(reference, copy), !copy.isSilent(at: now) {
                    steps.append((reference, state.copies[reference]?.next(at: now)))
                } else {
                    drop(reference, from: &state)
                }
            }
            return steps
        }
        for (reference, step) in steps { take(step, for: reference) }
        readChats([])
    }
}

extension MessageCopies {
    /// Whether somebody reads the message through this server.
    private func isNeeded(_ reference: BatchPlan.MessageReference, _ copy: MessageCopy?) -> Bool {
        hub.isFollowed(reference.chatID) || copy?.isRead(at: now()) == true
    }

    private func drop(_ reference: BatchPlan.MessageReference, from state: inout State) {
        state.copies[reference] = nil
        hub.closed(reference)
    }

    /// Changes a copy, which is created if somebody needs it and dropped if nobody does.
    private func change(_ reference: BatchPlan.MessageReference, _ body: (inout MessageCopy) -> Void) {
        let step = state.withLock { state -> MessageCopy.Step? in
            if state.held.contains(reference) { return nil }
            guard isNeeded(reference, state.copies[reference]) else {
                drop(reference, from: &state)
                return nil
            }
            var copy = state.copies[reference] ?? MessageCopy(at: now())
            body(&copy)
            copy.text.map(hub.grew)
            let step = copy.next(at: now())
            state.copies[reference] = copy
            return step
        }
        take(step, for: reference)
    }

    /// Takes the text of a message as it was read from the store.
    ///
    /// - Parameters:
    ///   - creates: Whether to copy the message if there is no copy yet.
    ///   - body: Called with the copy, and whether it is new.
    private func update(with message: Message, creates: Bool, _ body: (inout MessageCopy, Bool) -> Void) {
        let reference = message.reference
        let step = state.withLock { state -> MessageCopy.Step? in
            if state.held.contains(reference) { return nil }
            let previous = state.copies[reference]
            guard creates || previous != nil else { return nil }
            var copy = previous ?? MessageCopy(at: now())
            let known = hub.openMessages[reference]
            guard copy.update(with: message, known: known) else {
                drop(reference, from: &state)
                return nil
            }
            body(&copy, previous == nil)
            if let text = copy.text {
                if text !== known, previous?.text == nil { hub.opened(text) }
                hub.grew(text)
            }
            let step = copy.next(at: now())
            state.copies[reference] = copy
            return step
        }
        take(step, for: reference)
    }

    private func take(_ step: MessageCopy.Step?, for reference: BatchPlan.MessageReference) {
        switch step {
        case .read: Task { await read(reference) }
        case .want: growth.send(GrowthNotice(reference, .wanted))
        case nil: break
        }
    }

    private func read(_ reference: BatchPlan.MessageReference) async {
        do throws(StoreError) {
            let message = try await store.message(reference.id, in: reference.chatID, by: .anonymous)
            update(with: message, creates: false) { copy, _ in copy.endRead() }
        } catch .messageNotFound, .chatNotFound {
            state.withLock { if !$0.held.contains(reference) { drop(reference, from: &$0) } }
        } catch {
            // The next second tries again.
            state.withLock { $0.copies[reference]?.readAgain() }
        }
    }
}

/// Open messages that this server has not heard of.
extension MessageCopies {
    /// Reads the open messages of chats, and asks their holders for what is not stored yet.
    private func readChats(_ chats: Set<ChatID>) {
        let isStarting = state.withLock { state in
            state.unread.formUnion(chats)
            if state.isReadingChats || state.unread.isEmpty { return false }
            state.isReadingChats = true
            return true
        }
        if isStarting { Task { await readChats() } }
    }

    /// Chats that gather during a query share the next one.
    private func readChats() async {
        while let chats = takeUnread() {
            do throws(StoreError) {
                for message in try await store.openMessages(of: chats) {
                    update(with: message, creates: hub.isFollowed(message.chatID)) { copy, _ in copy.want() }
                }
            } catch {
                // The next second tries again.
                state.withLock { state in
                    state.unread.formUnion(chats)
                    state.isReadingChats = false
                }
                return
            }
        }
    }

    private func takeUnread() -> [ChatID]? {
        state.withLock { state in
            let chats = Array(state.unread.prefix(Self.readSize))
            state.unread.subtract(chats)
            state.isReadingChats = !chats.isEmpty
            return chats.isEmpty ? nil : chats
        }
    }
}
