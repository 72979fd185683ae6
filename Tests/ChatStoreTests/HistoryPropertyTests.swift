import ChatDomain
import ChatTestSupport
import Synchronization
import Testing

/// Random operations, whose results must match those of a simple model.
///
/// The seeds are fixed, so that failures are reproducible.
@Suite(.timeLimit(.minutes(5)))
struct HistoryPropertyTests {
    /// One client, one operation at a time: the model predicts every result.
    @Test(arguments: StoreUnderTest.allCases, [1, 2] as [UInt64])
    func `every result is the one that the model predicts`(_ store: StoreUnderTest, seed: UInt64) async throws {
        try await store.withStore { store in
            let signals = SignalledEntries(of: store)
            var client = try await SequentialClient(store, seed: seed)
            for _ in 0..<150 {
                try await client.step()
                // Nothing has changed since, so the signalled entries are the log's.
                for (id, entries) in await signals.take() {
                    guard let end = client.models.first(where: { $0.chat.id == id })?.chat.lastPosition else {
                        continue
                    }
                    let start = Position(rawValue: end.rawValue - Int64(entries.count))
                    let log = try await store.log(of: id, after: start, limit: 100)
                    #expect(log == LogPage(entries: entries, lastPosition: end, epoch: log.epoch))
                }
            }
            for model in client.models {
                try await expectAgreement(of: store, with: model)
            }
            try await expectAgreement(of: store, withListOf: client.models)
        }
    }

    /// Many concurrent clients: the acknowledged changes, in the order of their positions, form the model.
    @Test(arguments: StoreUnderTest.allCases, [3, 4] as [UInt64])
    func `reads return exactly what was acknowledged`(_ store: StoreUnderTest, seed: UInt64) async throws {
        try await store.withStore { store in
            var chats: [Chat] = []
            for number in 1...2 {
                chats.append(try await store.createChat(titled: ChatTitle("chat \(number)")))
            }
            let signals = SignalledEntries(of: store)
            let shared = [1, 2, 3, 4].map { "shared \($0)" }
            let acknowledged = try await withThrowingTaskGroup(of: [Acknowledgement].self) { group in
                for number in 0..<8 {
                    group.addTask { [chats] in
                        var client = ConcurrentClient(store, chats.map(\.id), shared, number: number, seed: seed)
                        for _ in 0..<30 {
                            try await client.step()
                        }
                        return client.acknowledged
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let signalled = await signals.take()
            var models: [HistoryModel] = []
            for chat in chats {
                try await expectAgreement(of: store, withSignalled: signalled[chat.id] ?? [], of: chat.id)
                let own = acknowledged.filter { $0.chatID == chat.id }
                let model = try await model(of: chat, own, in: store)
                try await expectAgreement(of: store, with: model)
                // Each key of an author has one message, and only one of its requests was not a replay.
                let keyed = own.filter { $0.key != nil }
                for (_, sent) in Dictionary(grouping: keyed, by: { [$0.author?.value, $0.key] }) {
                    #expect(Set(sent.map(\.messageID)).count == 1)
                    #expect(sent.filter { !$0.isReplay }.count == 1)
                }
                models.append(model)
            }
            try await expectAgreement(of: store, withListOf: models)
        }
    }

    /// Every entry was signalled once and in order, and the last state of each subject is the log's.
    private func expectAgreement(
        of store: any ChatStore,
        withSignalled entries: [LogEntry],
        of chat: ChatID
    ) async throws {
        let log = try await store.log(of: chat, after: 0, limit: 10_000).entries
        #expect(entries.map(\.position) == log.map(\.position))
        #expect(entries.map(\.kind) == log.map(\.kind))
        #expect(entries.map(\.author) == log.map(\.author))
        #expect(entries.map(\.instant) == log.map(\.instant))
        #expect(entries.map(\.subject.key) == log.map(\.subject.key))
        let last = Dictionary(entries.map { ($0.subject.key, $0.subject) }, uniquingKeysWith: { $1 })
        for (key, subject) in last {
            guard case .message = subject else { continue }
            #expect(log.filter { $0.subject.key == key }.allSatisfy { $0.subject == subject })
        }
        // A chat's own entry includes its counts, which later messages change.
        guard case .chat(let chat)? = last[nil],
            case .chat(let now)? = log.last(where: { $0.subject.key == nil })?.subject
        else { return }
        #expect(chat.title == now.title)
        #expect(chat.metadata == now.metadata)
    }

    /// Puts the acknowledged changes in the order of the log.
    ///
    /// A posted message and a chat have a position. A changed message does not: it takes that of the log's entry,
    /// which must be about the same message at the same time, and a message's changes must follow its revisions.
    private func model(
        of chat: Chat,
        _ acknowledged: [Acknowledgement],
        in store: any ChatStore
    ) async throws -> HistoryModel {
        var places: [Position: Acknowledgement] = [:]
        var changes: [MessageID: [Acknowledgement]] = [:]
        for one in acknowledged where !one.isReplay {
            if let position = one.position {
                #expect(places.updateValue(one, forKey: position) == nil, "two have \(position)")
            } else if let id = one.messageID {
                changes[id, default: []].append(one)
            }
        }
        changes = changes.mapValues { changes in
            changes.sorted { ($0.message?.revision ?? 0, $0.rank) < ($1.message?.revision ?? 0, $1.rank) }
        }
        var model = HistoryModel(chat)
        let log = try await store.log(of: chat.id, after: 0, limit: 10_000)
        for entry in log.entries {
            #expect(entry.position == model.nextPosition)
            #expect(entry.instant >= model.lastEntryAt)
            if let place = places.removeValue(forKey: entry.position) {
                switch place.subject {
                case .message(let message): model.append(message)
                case .chat(let chat):
                    model.update(title: chat.title, metadata: chat.metadata, by: place.author, at: entry.instant)
                }
            } else if case .message(let shown) = entry.subject, let change = changes[shown.id]?.first,
                let message = change.message
            {
                changes[shown.id]?.removeFirst()
                model.replace(message, by: change.author, at: try #require(message.deletedAt ?? message.editedAt))
            } else {
                Issue.record("nobody was told of \(entry)")
            }
        }
        #expect(places.isEmpty)
        #expect(changes.values.allSatisfy { $0.isEmpty })
        return model
    }

    private func expectAgreement(of store: any ChatStore, with model: HistoryModel) async throws {
        let id = model.chat.id
        #expect(try await store.chat(id) == model.chat)
        #expect(model.entries.map(\.position.rawValue) == Array(0..<model.chat.lastPosition.rawValue).map { $0 + 1 })
        #expect(model.messages.count { !$0.isDeleted } == Int(model.chat.messageCount))
        for limit in [1, 2, 7, 100] {
            #expect(try await store.chat(id, newestMessages: limit) == model.latestMessages(limit))
            for value in Array(0...model.chat.lastPosition.rawValue + 1) + [.max] {
                let position = Position(rawValue: value)
                let log = try await store.log(of: id, after: position, limit: limit)
                let expected = model.log(after: position, limit: limit, in: log.epoch)
                #expect(log == expected, "after \(position), limit \(limit)")
                for expected in model.pages(at: position, limit: limit) {
                    let page = try await store.messages(expected.query)
                    #expect(
                        expected.isAnsweredBy(page, endingAt: model.chat.lastPosition),
                        "\(expected) was answered by \(page)"
                    )
                }
            }
        }
        for message in model.messages {
            if message.isDeleted {
                await #expect(throws: StoreError.messageNotFound) { try await store.message(message.id, in: id) }
            } else {
                #expect(try await store.message(message.id, in: id) == message)
            }
        }
    }

    private func expectAgreement(of store: any ChatStore, withListOf models: [HistoryModel]) async throws {
        let expected = models.sorted { ($0.lastEntryAt, $0.chat.id.rawValue) > ($1.lastEntryAt, $1.chat.id.rawValue) }
        let list = try await store.chats(ChatListQuery(limit: 100))
        #expect(list == ChatList(chats: expected.map(\.chat), next: nil, epoch: list.epoch))
    }
}

/// The entries that a store has signalled.
private final class SignalledEntries: Sendable {
    private let entries = Mutex<[ChatID: [LogEntry]]>([:])
    private let store: any ChatStore

    init(of store: any ChatStore) {
        self.store = store
        store.signals.addListener { [weak self] signal in
            guard case .appended(let new, _) = signal else { return }
            self?.entries.withLock { entries in
                for entry in new { entries[entry.subject.chatID, default: []].append(entry) }
            }
        }
    }

    /// The entries since the last call, in the order of their arrival.
    ///
    /// A shard responds to a batch only after it has signalled the previous one.
    func take() async -> [ChatID: [LogEntry]] {
        for id in [.max - 1, .max] as [Int64] {
            await #expect(throws: StoreError.chatNotFound) { try await store.deleteChat(ChatID(rawValue: id)) }
        }
        return entries.withLock { entries in
            defer { entries = [:] }
            return entries
        }
    }
}

extension LogSubject {
    fileprivate var chatID: ChatID {
        switch self {
        case .message(let message): message.chatID
        case .chat(let chat): chat.id
        }
    }

    /// The message's id; nil for the chat.
    fileprivate var key: MessageID? {
        if case .message(let message) = self { message.id } else { nil }
    }
}

/// A result that a client received.
private struct Acknowledgement {
    let chatID: ChatID
    /// The client.
    let author: UserID?
    let subject: LogSubject
    let isReplay: Bool
    /// The position in the log; nil for a change of a message, whose result does not include it.
    let position: Position?
    var key: String?

    var message: Message? {
        if case .message(let message) = subject { message } else { nil }
    }

    var messageID: MessageID? {
        message?.id
    }

    /// A deletion comes after the edit that made its revision.
    var rank: Int {
        message?.isDeleted == true ? 1 : 0
    }
}

extension Caller {
    /// A few clients; two of them are anonymous.
    fileprivate static let several: [Caller] = [
        .anonymous, .administrator("ada"), .administrator("bob"), .anonymous,
    ]
}

/// One of many clients; it checks the invariants that hold at any time.
private struct ConcurrentClient {
    let store: any ChatStore
    let chats: [ChatID]
    let shared: [String]
    let number: Int
    let caller: Caller
    var random: SplitMix64
    var counter = 0
    var acknowledged: [Acknowledgement] = []
    /// The ends of the logs when they were last read.
    var ends: [ChatID: Position] = [:]

    init(_ store: any ChatStore, _ chats: [ChatID], _ shared: [String], number: Int, seed: UInt64) {
        self.store = store
        self.chats = chats
        self.shared = shared
        self.number = number
        caller = Caller.several[number % Caller.several.count]
        random = SplitMix64(state: seed &* 1_000 &+ UInt64(number))
    }

    mutating func step() async throws {
        counter += 1
        let chat = chats[Int.random(in: 0..<chats.count, using: &random)]
        switch Int.random(in: 0..<12, using: &random) {
        case 0...2: try await post(MessageDraft(text: MessageText("\(number) \(counter)")), to: chat)
        case 3: try await post(shared.randomElement(using: &random) ?? "", to: chat)
        case 4: try await retry(in: chat)
        case 5, 6: try await edit(in: chat)
        case 7: try await delete(in: chat)
        case 8:
            let edit = ChatEdit(title: try ChatTitle("by \(number), \(counter)"))
            let updated = try await store.updateChat(chat, edit, by: caller)
            acknowledged.append(
                Acknowledgement(
                    chatID: chat,
                    author: caller.author,
                    subject: .chat(updated),
                    isReplay: false,
                    position: updated.lastPosition
                )
            )
        case 9: try await readLog(of: chat)
        case 10: try await readPage(of: chat)
        default:
            let list = try await store.chats(ChatListQuery(limit: 100))
            #expect(Set(list.chats.map(\.id)) == Set(chats))
        }
    }

    private mutating func post(_ draft: MessageDraft, to chat: ChatID) async throws {
        let accepted = try await store.recordMessage(.post(draft), in: chat, by: caller)
        #expect(accepted.value.author == caller.author)
        acknowledged.append(
            Acknowledgement(
                chatID: chat,
                author: caller.author,
                subject: .message(accepted.value),
                isReplay: accepted.isReplay,
                position: accepted.value.position,
                key: draft.idempotency?.key.value
            )
        )
        // A read includes everything acknowledged before it.
        let own = MessagePageQuery.around(accepted.value.position, in: chat, limit: 1)
        #expect(try await store.messages(own).messages.map(\.id) == [accepted.value.id])
    }

    /// Posts a message that others may post under the same key at the same time.
    private mutating func post(_ key: String, to chat: ChatID) async throws {
        let text = try MessageText(key)
        let key = IdempotencyKey(key.replacing(" ", with: "-"))
        try await post(MessageDraft(text: text, idempotencyKey: key), to: chat)
    }

    /// Sends a message twice, as if the first response had been lost.
    private mutating func retry(in chat: ChatID) async throws {
        let text = try MessageText("\(number) \(counter)")
        let draft = MessageDraft(text: text, idempotencyKey: IdempotencyKey("\(number)-\(counter)"))
        try await post(draft, to: chat)
        try await post(draft, to: chat)
        let other = MessageDraft(text: try MessageText("other"), idempotencyKey: draft.idempotency?.key)
        do throws(StoreError) {
            // Once a message is deleted, its content is no longer compared.
            let replay = try await store.recordMessage(.post(other), in: chat, by: caller)
            #expect(replay.isReplay && replay.value.isDeleted)
        } catch {
            #expect(error == .idempotencyKeyReused)
        }
    }

    private mutating func anyMessage(of chat: ChatID) async throws -> Message? {
        try await store.messages(.newest(of: chat, limit: 20)).messages.randomElement(using: &random)
    }

    private mutating func edit(in chat: ChatID) async throws {
        guard let message = try await anyMessage(of: chat) else { return }
        let edit = MessageEdit(text: try MessageText("edited by \(number), \(counter)"))
        let isConditional = Bool.random(using: &random)
        let condition: RevisionCondition = isConditional ? .oneOf([message.revision]) : .any
        try await change(message, .edit(message.id, edit, onlyIf: condition), in: chat, isConditional)
    }

    private mutating func delete(in chat: ChatID) async throws {
        guard let message = try await anyMessage(of: chat) else { return }
        try await change(message, .delete(message.id, onlyIf: .any), in: chat, false)
    }

    private mutating func change(
        _ message: Message,
        _ change: LogChange,
        in chat: ChatID,
        _ isConditional: Bool
    ) async throws {
        do throws(StoreError) {
            let changed = try await store.recordMessage(change, in: chat, by: caller).value
            #expect(!message.isDeleted)
            #expect(!isConditional || changed.revision == message.revision + 1)
            acknowledged.append(
                Acknowledgement(
                    chatID: chat,
                    author: caller.author,
                    subject: .message(changed),
                    isReplay: false,
                    position: nil
                )
            )
        } catch {
            #expect(error == .messageNotFound || (isConditional && error == .revisionMismatch))
        }
    }

    private mutating func readLog(of chat: ChatID) async throws {
        let after = Int64.random(in: 0...(ends[chat]?.rawValue ?? 0), using: &random)
        let limit = Int.random(in: 1...20, using: &random)
        let log = try await store.log(of: chat, after: Position(rawValue: after), limit: limit)
        let expected = min(limit, Int(log.lastPosition.rawValue - after))
        #expect(log.entries.map(\.position.rawValue) == (0..<expected).map { after + 1 + Int64($0) })
        #expect(zip(log.entries, log.entries.dropFirst()).allSatisfy { $0.instant <= $1.instant })
        try moveEnd(of: chat, to: log.lastPosition)
    }

    private mutating func readPage(of chat: ChatID) async throws {
        let limit = Int.random(in: 1...20, using: &random)
        let page = try await store.messages(.newest(of: chat, limit: limit))
        #expect(zip(page.messages, page.messages.dropFirst()).allSatisfy { $0.position < $1.position })
        #expect(!page.hasAfter)
        #expect(page.hasBefore ? page.messages.count == limit : true)
        #expect(page.messages.allSatisfy { $0.position <= page.lastPosition })
        try moveEnd(of: chat, to: page.lastPosition)
    }

    /// What one client reads never goes backward.
    private mutating func moveEnd(of chat: ChatID, to position: Position) throws {
        #expect(position >= ends[chat] ?? 0)
        ends[chat] = position
    }
}

/// A client that is alone and can predict every result except ids and timestamps.
private struct SequentialClient {
    let store: any ChatStore
    var random: SplitMix64
    var counter = 0
    private(set) var models: [HistoryModel] = []
    /// The messages that were posted under keys, with the texts that were sent.
    private var sent: [(chat: Int, caller: Caller, key: IdempotencyKey, text: MessageText, id: MessageID)] = []
    private var lastID: Int64 = 0

    init(_ store: any ChatStore, seed: UInt64) async throws {
        self.store = store
        random = SplitMix64(state: seed)
        for number in 1...3 {
            models.append(HistoryModel(try await store.createChat(titled: ChatTitle("chat \(number)"))))
        }
    }

    mutating func step() async throws {
        counter += 1
        let index = Int.random(in: 0..<models.count, using: &random)
        switch Int.random(in: 0..<14, using: &random) {
        case 0...2: try await post(in: index)
        case 3: try await resend()
        case 4...6: try await edit(in: index)
        case 7: try await delete(in: index)
        case 8: try await update(index)
        case 9: try await replaceChat(index)
        default: try await read(index)
        }
    }

    private mutating func post(in index: Int) async throws {
        let text = try MessageText("text \(counter)")
        let key = Bool.random(using: &random) ? IdempotencyKey("k\(counter)") : nil
        let target = models[index].messages.randomElement(using: &random)
        let caller = caller()
        let metadata = metadata()
        let draft = MessageDraft(text: text, metadata: metadata, replyTo: target?.id, idempotencyKey: key)
        let chat = models[index].chat
        if let target, target.isDeleted {
            await #expect(throws: StoreError.replyTargetNotFound(target.id)) {
                try await store.recordMessage(.post(draft), in: chat.id)
            }
            return
        }
        let before = Instant.now()
        let accepted = try await store.recordMessage(.post(draft), in: chat.id, by: caller)
        lastID += 1
        let expected = Message(
            id: MessageID(rawValue: lastID),
            chatID: chat.id,
            position: models[index].nextPosition,
            author: caller.author,
            text: text.value,
            metadata: metadata,
            replyTo: target?.id,
            idempotencyKey: key,
            createdAt: accepted.value.createdAt
        )
        #expect(accepted == Accepted(expected))
        #expect((max(before, models[index].lastEntryAt)...Instant.now()).contains(expected.createdAt))
        models[index].append(expected)
        if let key, metadata == nil, target == nil {
            sent.append((index, caller, key, text, expected.id))
        }
    }

    private mutating func resend() async throws {
        guard let (index, caller, key, text, id) = sent.randomElement(using: &random),
            let message = models[index].message(id)
        else { return }
        let again = MessageDraft(text: text, idempotencyKey: key)
        let replay = try await store.recordMessage(.post(again), in: models[index].chat.id, by: caller)
        #expect(replay == Accepted(message, isReplay: true))
        if message.isDeleted { return }
        let other = MessageDraft(text: try MessageText("another text"), idempotencyKey: key)
        let chat = models[index].chat.id
        await #expect(throws: StoreError.idempotencyKeyReused) {
            try await store.recordMessage(.post(other), in: chat, by: caller)
        }
    }

    private mutating func edit(in index: Int) async throws {
        guard let message = models[index].messages.randomElement(using: &random) else { return }
        let chat = models[index].chat.id
        let text = Bool.random(using: &random) ? try MessageText("edited \(counter % 3)") : nil
        let edit: MetadataEdit = Bool.random(using: &random) ? .replace(metadata()) : .keep
        let guess = Int64.random(in: 1...3, using: &random)
        let condition: RevisionCondition = Bool.random(using: &random) ? .oneOf([guess]) : .any
        let change = LogChange.edit(message.id, MessageEdit(text: text, metadata: edit), onlyIf: condition)
        if message.isDeleted || condition == .oneOf([guess]), message.isDeleted || guess != message.revision {
            let error: StoreError = message.isDeleted ? .messageNotFound : .revisionMismatch
            await #expect(throws: error) { try await store.recordMessage(change, in: chat) }
            return
        }
        let caller = caller()
        let before = Instant.now()
        let edited = try await store.recordMessage(change, in: chat, by: caller).value
        var expected = message
        expected.text = text?.value ?? message.text
        expected.metadata = edit.applied(to: message.metadata)
        guard expected != message else {
            #expect(edited == message)
            return
        }
        let editedAt = try #require(edited.editedAt)
        expected.revision += 1
        expected.editedAt = editedAt
        #expect(edited == expected)
        #expect((max(before, models[index].lastEntryAt)...Instant.now()).contains(editedAt))
        models[index].replace(expected, by: caller.author, at: editedAt)
    }

    private mutating func delete(in index: Int) async throws {
        guard let message = models[index].messages.randomElement(using: &random) else { return }
        let chat = models[index].chat.id
        if message.isDeleted {
            await #expect(throws: StoreError.messageNotFound) { try await store.delete(message.id, in: chat) }
            return
        }
        let caller = caller()
        let deleted = try await store.delete(message.id, in: chat, by: caller)
        let deletedAt = try #require(deleted.deletedAt)
        var expected = message
        expected.text = ""
        expected.metadata = nil
        expected.deletedAt = deletedAt
        #expect(deleted == expected)
        models[index].replace(expected, by: caller.author, at: deletedAt)
    }

    private mutating func update(_ index: Int) async throws {
        let old = models[index].chat
        let title = try ChatTitle("title \(counter % 3)")
        let edit = metadata()
        let caller = caller()
        let updated = try await store.updateChat(old.id, ChatEdit(title: title, metadata: .replace(edit)), by: caller)
        var expected = old
        expected.title = title.value
        expected.metadata = edit
        if expected != old {
            // The chat does not contain the time of its change; its log does.
            let log = try await store.log(of: old.id, after: old.lastPosition, limit: 2)
            let instant = try #require(log.entries.first).instant
            #expect((models[index].lastEntryAt...Instant.now()).contains(instant))
            models[index].update(title: title.value, metadata: edit, by: caller.author, at: instant)
        }
        #expect(updated == models[index].chat)
    }

    private mutating func replaceChat(_ index: Int) async throws {
        let gone = models[index].chat.id
        try await store.deleteChat(gone)
        await #expect(throws: StoreError.chatNotFound) { try await store.chat(gone) }
        await #expect(throws: StoreError.chatNotFound) { try await store.deleteChat(gone) }
        sent.removeAll { $0.chat == index }
        let newest = models.map(\.chat.id.rawValue).max() ?? 0
        let chat = try await store.createChat(titled: ChatTitle("chat \(counter)"))
        #expect(chat.id.rawValue > newest)
        models[index] = HistoryModel(chat)
    }

    private mutating func read(_ index: Int) async throws {
        let model = models[index]
        let id = model.chat.id
        let position = Position(rawValue: .random(in: 0...model.nextPosition.rawValue, using: &random))
        let limit = Int.random(in: 1...100, using: &random)
        let log = try await store.log(of: id, after: position, limit: limit)
        #expect(log == model.log(after: position, limit: limit, in: log.epoch))
        for expected in model.pages(at: position, limit: limit) {
            let page = try await store.messages(expected.query)
            #expect(expected.isAnsweredBy(page, endingAt: model.chat.lastPosition))
        }
        #expect(try await store.chat(id, newestMessages: limit) == model.latestMessages(limit))
        let end = LogEnd(epoch: log.epoch, position: model.chat.lastPosition, instant: model.lastEntryAt)
        let known = LatestMessagesRequest(LatestMessagesQuery(chatID: id, limit: limit), known: end)
        #expect(try await store.latestMessages(known) == nil)
    }

    private mutating func caller() -> Caller {
        Caller.several.randomElement(using: &random) ?? .anonymous
    }

    /// One of a few values, so that edits sometimes change nothing.
    private mutating func metadata() -> Metadata? {
        [nil, #"{"a":1}"#, #"{"b":[2]}"#].randomElement(using: &random)?.flatMap { Metadata(json: $0) }
    }
}
