package import ChatDomain
import Synchronization

/// Tells the readers of inboxes which of their chats changed.
///
/// Signals are only hints, and a lost one is made up for: from time to time, each reader is told to look for itself.
package final class InboxHub: Sendable {
    private let table = InboxTable()
    /// The polls after which every reader was told once to look for itself.
    private static let pollCount = 12

    /// Listens to the signals of a store.
    init(_ signals: LogSignals) {
        signals.addListener { [table] signal in table.receive(signal) }
    }

    /// Watches the inbox of a user, until the watch is released.
    ///
    /// It starts by collecting every chat that changes, because it does not know yet which are the user's; see
    /// `InboxWatch.follow`.
    package func watch(_ user: UserID) -> InboxWatch {
        InboxWatch(user, in: table)
    }

    /// Whether there are readers.
    var isWatched: Bool {
        table.isWatched
    }

    /// Makes all readers look for themselves if this epoch is another than the one noted last.
    ///
    /// - Parameter epoch: As of a poll or of a reader's first look, which later polls are compared with.
    package func note(_ epoch: Epoch) {
        table.note(epoch)
    }

    /// Makes some of the readers look for themselves; call it regularly.
    func poll() {
        table.poll(of: Self.pollCount)
    }
}

/// What a reader of an inbox must read.
package enum InboxNews: Equatable, Sendable {
    /// These chats may have changed.
    case chats(Set<ChatID>)
    /// Any chat may have changed.
    case unknown
}

/// A reader of one user's inbox, as the hub sees it.
package final class InboxWatch: Sendable {
    private let watcher: InboxWatcher
    private let table: InboxTable

    fileprivate init(_ user: UserID, in table: InboxTable) {
        watcher = InboxWatcher(of: user)
        self.table = table
        table.add(watcher)
    }

    deinit {
        table.remove(watcher)
    }

    /// Collects every chat that changes from now on; call it before reading which chats are the user's.
    package func collect() {
        table.collect(for: watcher)
    }

    /// Watches these chats instead of those before.
    ///
    /// Of the chats collected so far, only these are news.
    package func follow(_ chats: some Sequence<ChatID>) {
        table.follow(Set(chats), watcher)
    }

    /// Also watches a chat.
    package func add(_ chat: ChatID) {
        table.add(chat, watcher)
    }

    /// No longer watches a chat.
    package func remove(_ chat: ChatID) {
        table.remove(chat, watcher)
    }

    /// Waits for news, which are reported once; nil if the task is cancelled.
    package func next() async -> InboxNews? {
        while true {
            if let news = watcher.take() { return news }
            guard await watcher.wakeUps.first(where: { _ in true }) != nil else { return nil }
        }
    }
}

/// The state that a watch shares with the hub.
private final class InboxWatcher: Sendable {
    private struct State {
        var changed: Set<ChatID> = []
        var isUnknown = false
    }

    let user: UserID
    let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    private let state = Mutex(State())

    init(of user: UserID) {
        self.user = user
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func note(_ chat: ChatID) {
        state.withLock { _ = $0.changed.insert(chat) }
        wakeUp.yield()
    }

    func noteUnknown() {
        state.withLock { $0.isUnknown = true }
        wakeUp.yield()
    }

    func take() -> InboxNews? {
        state.withLock { state in
            defer { state = State() }
            if state.isUnknown { return .unknown }
            return state.changed.isEmpty ? nil : .chats(state.changed)
        }
    }
}

/// The watchers by what they watch; safe to call from any thread.
private final class InboxTable: Sendable {
    private struct State {
        var users: [UserID: [InboxWatcher]] = [:]
        var chats: [ChatID: [InboxWatcher]] = [:]
        /// What each watcher is in `chats` for.
        var followed: [ObjectIdentifier: Set<ChatID>] = [:]
        /// Chats that changed since a watcher began to collect.
        var collected: [ObjectIdentifier: Set<ChatID>] = [:]
        var polls = 0
        var epoch: Epoch?
    }

    private let state = Mutex(State())

    var isWatched: Bool {
        state.withLock { !$0.users.isEmpty }
    }

    func note(_ epoch: Epoch) {
        let former = state.withLock { state in
            defer { state.epoch = epoch }
            return state.epoch
        }
        if let former, former != epoch {
            pollAll()
        }
    }

    func add(_ watcher: InboxWatcher) {
        state.withLock { state in
            state.users[watcher.user, default: []].append(watcher)
            state.followed[watcher.id] = []
            state.collected[watcher.id] = []
        }
    }

    func remove(_ watcher: InboxWatcher) {
        state.withLock { state in
            state.users.remove(watcher, from: watcher.user)
            state.collected[watcher.id] = nil
            for chat in state.followed.removeValue(forKey: watcher.id) ?? [] {
                state.chats.remove(watcher, from: chat)
            }
        }
    }

    func collect(for watcher: InboxWatcher) {
        state.withLock { $0.collected[watcher.id] = [] }
    }

    func follow(_ chats: Set<ChatID>, _ watcher: InboxWatcher) {
        let news = state.withLock { state in
            let former = state.followed[watcher.id] ?? []
            for chat in former.subtracting(chats) {
                state.chats.remove(watcher, from: chat)
            }
            for chat in chats.subtracting(former) {
                state.chats[chat, default: []].append(watcher)
            }
            state.followed[watcher.id] = chats
            return (state.collected.removeValue(forKey: watcher.id) ?? []).intersection(chats)
        }
        for chat in news {
            watcher.note(chat)
        }
    }

    func add(_ chat: ChatID, _ watcher: InboxWatcher) {
        state.withLock { state in
            guard state.followed[watcher.id]?.insert(chat).inserted == true else { return }
            state.chats[chat, default: []].append(watcher)
        }
    }

    func remove(_ chat: ChatID, _ watcher: InboxWatcher) {
        state.withLock { state in
            guard state.followed[watcher.id]?.remove(chat) != nil else { return }
            state.chats.remove(watcher, from: chat)
        }
    }

    func receive(_ signal: LogSignal) {
        switch signal {
        case .appended(let entries, _): note(Set(entries.map(\.subject.chatID)))
        case .moved(let ends): note(Set(ends.keys))
        case .deleted(let chat): note([chat])
        case .membershipsChanged(let members): note(members)
        case .missed: pollAll()
        case .created, .accessChanged: break
        }
    }

    private func note(_ chats: Set<ChatID>) {
        note { state in
            for id in state.collected.keys {
                state.collected[id]?.formUnion(chats)
            }
            return chats.compactMap { chat in state.chats[chat].map { (chat, $0) } }
        }
    }

    private func note(_ members: [MemberReference]) {
        note { state in
            members.compactMap { member in state.users[member.userID].map { (member.chatID, $0) } }
        }
    }

    /// Notes chats with the watchers that `find` returns for each; does nothing if there are no watchers at all.
    private func note(_ find: (inout State) -> [(ChatID, [InboxWatcher])]) {
        for (chat, watchers) in state.withLock({ $0.users.isEmpty ? [] : find(&$0) }) {
            for watcher in watchers {
                watcher.note(chat)
            }
        }
    }

    private func pollAll() {
        for watcher in state.withLock({ $0.users.values.flatMap(\.self) }) {
            watcher.noteUnknown()
        }
    }

    /// Makes one of `count` parts of the watchers look for themselves, another part with each call.
    func poll(of count: Int) {
        let due = state.withLock { state in
            state.polls += 1
            let part = state.polls % count
            return state.users.values.flatMap(\.self).filter { $0.id.hashValue.magnitude % UInt(count) == part }
        }
        for watcher in due {
            watcher.noteUnknown()
        }
    }
}

extension InboxWatcher {
    fileprivate var id: ObjectIdentifier {
        ObjectIdentifier(self)
    }
}

extension Dictionary where Value == [InboxWatcher] {
    fileprivate mutating func remove(_ watcher: InboxWatcher, from key: Key) {
        self[key]?.removeAll { $0 === watcher }
        if self[key]?.isEmpty == true {
            self[key] = nil
        }
    }
}
