import ChatArchives
import ChatDomain
import ChatTestSupport
import Testing

/// Messages whose text grew, in archives.
@Suite(.timeLimit(.minutes(5)))
struct ArchivedStreamTests {
    private typealias Store = any ServiceStore & ChatArchive

    private static let journeys = StoreUnderTest.allCases.flatMap { from in StoreUnderTest.allCases.map { (from, $0) } }
    private static let longest = String(repeating: "\u{1}", count: 32_768)

    private func open(_ text: String, in chat: ChatID, key: String? = nil, on store: Store) async throws -> MessageID {
        let key = key.flatMap { IdempotencyKey($0) }
        let draft = MessageDraft(opening: try StreamedText(text), ttl: .standard, idempotencyKey: key)
        return try await store.recordMessage(.post(draft), in: chat).value.id
    }

    private func finish(_ id: MessageID, _ finish: MessageFinish, in chat: ChatID, on store: Store) async throws {
        _ = try await store.recordMessage(.finish(id, finish, epoch: 0), in: chat)
    }

    private func checkpoint(_ text: String, of id: MessageID, in chat: ChatID, on store: Store) async throws -> Message
    {
        let change = StreamChange.checkpoint(try StreamedText(text), epoch: 0, expiresAt: .now())
        let reference = BatchPlan.MessageReference(chatID: chat, id: id)
        return try await store.changeStream(StreamRequest(change, of: reference, by: .anonymous))
    }

    private func text(_ archive: [UInt8]) -> String {
        String(decoding: archive, as: UTF8.self)
    }

    @Test(arguments: journeys)
    func `streamed messages are the same after an export and an import`(_ from: StoreUnderTest, _ to: StoreUnderTest)
        async throws
    {
        let (archive, messages) = try await from.withStore { store async throws in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let metadata = Metadata(json: #"{"tokens":3}"#)
            for finish in [
                MessageFinish(StreamEnd(.done), text: try StreamedText(Self.longest), metadata: .replace(metadata)),
                MessageFinish(StreamEnd(.failed, reason: .abandoned)),
                MessageFinish(StreamEnd(.cancelled, reason: try EndReason("\"enough\""))),
            ] {
                let id = try await open("", in: chat, key: finish.end.state.rawValue, on: store)
                try await self.finish(id, finish, in: chat, on: store)
            }
            let deleted = try await open("secret", in: chat, on: store)
            _ = try await store.recordMessage(.delete(deleted, onlyIf: .any), in: chat)
            let archive = try await ArchiveTests.export(store)
            return (archive, try await store.messages(.newest(of: chat, limit: 9)).messages)
        }
        let lines = text(archive)
        #expect(lines.contains(#","revision":2,"state":"failed","reason":"abandoned","idempotency_key":"failed""#))
        #expect(lines.contains(#""metadata":{"tokens":3},"state":"done","idempotency_key":"done""#))
        #expect(lines.matches(of: /"state":/).count == 3)
        try await to.withStore { store async throws in
            let added = ImportCount(chats: 1, entries: 8)
            #expect(try await ArchiveTests.load(archive, into: store) == added)
            #expect(try await store.messages(.newest(of: 1, limit: 9)).messages == messages)
            #expect(try await ArchiveTests.export(store) == archive)
            #expect(try await ArchiveTests.load(archive, into: store) == ImportCount())
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a message that is open in an archive has ended after the import`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { source async throws in
            let chat = try await source.createChat(titled: ChatTitle("chat")).id
            let id = try await open("Hel", in: chat, key: "k", on: source)
            _ = try await checkpoint("Hello", of: id, in: chat, on: source)
            let archive = try await ArchiveTests.export(source)
            #expect(text(archive).contains(#""text":"Hello","#) && text(archive).contains(#","state":"open","#))
            try await kind.withStore { target async throws in
                let added = ImportCount(chats: 1, entries: 1)
                #expect(try await ArchiveTests.load(archive, into: target) == added)
                let message = try await target.message(id, in: chat)
                #expect(message.text == "Hello" && message.stream == .ended(StreamEnd(.failed, reason: .imported)))
                let again = try await ArchiveTests.export(target)
                let ended = text(archive).replacing(#""state":"open""#, with: #""state":"failed","reason":"imported""#)
                #expect(text(again) == ended)
                for archive in [archive, again] {
                    #expect(try await ArchiveTests.load(archive, into: target) == ImportCount())
                    #expect(try await ArchiveTests.export(target) == again)
                }
                #expect(try await target.lapsedMessages(at: .now().advanced(by: .seconds(999)), limit: 9).isEmpty)

                // A later archive brings the end of the message.
                let done = MessageFinish(StreamEnd(.done), text: try StreamedText("Hello!"))
                try await finish(id, done, in: chat, on: source)
                let later = try await ArchiveTests.export(source)
                #expect(try await ArchiveTests.load(later, into: target) == ImportCount(entries: 1))
                #expect(try await ArchiveTests.export(target) == later)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an import takes nothing back of a message that is open or has ended here`(_ kind: StoreUnderTest) async throws
    {
        try await kind.withStore { store async throws in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let id = try await open("Hel", in: chat, on: store)
            let archive = try await ArchiveTests.export(store)
            let text = try await checkpoint("Hello", of: id, in: chat, on: store)
            #expect(try await ArchiveTests.load(archive, into: store) == ImportCount())
            #expect(try await store.message(id, in: chat) == text)
            try await finish(id, MessageFinish(StreamEnd(.done)), in: chat, on: store)
            let ended = try await store.message(id, in: chat)
            #expect(try await ArchiveTests.load(archive, into: store) == ImportCount())
            #expect(try await store.message(id, in: chat) == ended)
        }
    }

    @Test(arguments: [("open", 32_768, true), ("done", 32_769, false), (nil, 5_001, false)])
    func `only a streamed text may be long`(_ state: String?, _ count: Int, _ isValid: Bool) async throws {
        let escaped = String(repeating: #"\ud83d\udc4b"#, count: count)
        let state = state.map { #","state":"\#($0)""# } ?? ""
        let archive = ArchiveTests.archive([
            ArchiveTests.chat(1, lastPosition: 1),
            #"{"type":"message.created","chat_id":1,"seq":1,"id":1,"created_at":"2026-11-23T09:00:01.000000Z","#
                + #""revision":1,"text":"\#(escaped)"\#(state)}"#,
            #"{"type":"end","chats":1,"entries":1}"#,
        ])
        try await StoreUnderTest.sqliteInMemory.withStore { store async throws in
            if isValid {
                #expect(try await ArchiveTests.load(archive, into: store).entries == 1)
            } else {
                let maximum = state.isEmpty ? 5_000 : 32_768
                await #expect(throws: ArchiveError("line 3: 'text' must be text of 0 to \(maximum) characters")) {
                    try await ArchiveTests.load(archive, into: store)
                }
            }
        }
    }
}
