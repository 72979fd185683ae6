import ChatArchives
import ChatDomain
import ChatTestSupport
import ChatWire
import Foundation
import Testing

/// Exports of a store, and imports into one.
@Suite(.timeLimit(.minutes(5)))
struct ArchiveTests {
    /// The stores that an archive comes from and goes to.
    private static let journeys = StoreUnderTest.allCases.flatMap { from in StoreUnderTest.allCases.map { (from, $0) } }

    @Test(arguments: journeys)
    func `chats are the same after an export and an import`(_ from: StoreUnderTest, _ to: StoreUnderTest) async throws {
        let (archive, before) = try await from.withStore { store in
            try await Self.fill(store)
            let archive = try await Self.export(store)
            let before = try await Contents(store)
            // The emptied store and a different one must both restore everything.
            for chat in before.chats {
                try await store.deleteChat(chat.id)
            }
            let kept = try await Contents(store)
            #expect(kept.chats.isEmpty)
            #expect(try await Self.load(archive, into: store) == ImportCount(chats: 3, entries: 18))
            #expect(try await Contents(store) == before)
            return (archive, before)
        }
        try await to.withStore { store in
            #expect(try await Self.load(archive, into: store) == ImportCount(chats: 3, entries: 18))
            #expect(try await Contents(store) == before)
            #expect(try await Self.export(store) == archive)
            // A second import changes nothing.
            #expect(try await Self.load(archive, into: store) == ImportCount())
            #expect(try await Contents(store) == before)

            // Keys are restored, and ids continue.
            let first: ChatID = 1
            let sent = MessageDraft(text: try MessageText("sent once"), idempotencyKey: IdempotencyKey("k1"))
            let replay = try await store.recordMessage(.post(sent), in: first, by: .user("ada"))
            #expect(replay.isReplay)
            #expect(replay.value.position == 5)
            let created = try await store.createChat(Self.draftWithKey(), by: .user("ada"))
            #expect(created.isReplay)
            let next = try await store.postMessage(MessageText("next"), to: first)
            #expect(next.id.rawValue == (before.messageIDs.max() ?? 0) + 1)
            #expect(try await store.createChat(titled: ChatTitle("next")).id.rawValue == 5)
            // Entries added since the import survive another one.
            let continued = try await Contents(store)
            #expect(try await Self.load(archive, into: store) == ImportCount())
            #expect(try await Contents(store) == continued)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a single chat can be exported`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            try await Self.fill(store)
            let archive = try await Self.export(store, 4)
            let fingerprint = try #require(Self.draftWithKey().idempotency).fingerprint
            #expect(
                Self.masked(archive) == """
                    {"type":"header","format":"chat-api","version":1}
                    {"type":"chat","id":4,"title":"with a key","created_at":"<instant>","last_seq":1,\
                    "last_entry_at":"<instant>","message_count":0,"metadata":{"a":[1,2.50]},"idempotency_key":"chat",\
                    "idempotency_fingerprint":"\(fingerprint)","idempotency_author":"ada"}
                    {"type":"member.joined","chat_id":4,"seq":1,"author":"ada","at":"<instant>","users":["ada"],\
                    "role":"owner"}
                    {"type":"read_marker","chat_id":4,"user_id":"ada","read_seq":1}
                    {"type":"end","chats":1,"entries":1,"read_markers":1}

                    """
            )
            for unknown in [2, 99] as [ChatID] {
                await #expect(throws: StoreError.chatNotFound) {
                    try await Self.export(store, unknown)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an import that was cut off after many batches can be repeated`(_ store: StoreUnderTest) async throws {
        let archive = Self.largeArchive(messages: 5_000)
        try await store.withStore { store in
            // In the middle of a line of the second batch.
            let cut = archive.prefix(archive.count / 2)
            let lines = cut.count { $0 == UInt8(ascii: "\n") }
            await #expect(throws: ArchiveError("the archive is truncated after line \(lines)")) {
                try await Self.load(Array(cut), into: store)
            }
            let chat: ChatID = 7
            let part = try await store.log(of: chat, after: 0, limit: 10_000)
            #expect(part.entries.map(\.position.rawValue) == Array(1...Int64(lines - 2)))
            #expect(part.lastPosition.rawValue == Int64(lines - 2))
            #expect(try await store.chat(chat).messageCount == Int64(lines - 2))

            let rest = try await Self.load(archive, into: store)
            #expect(rest == ImportCount(chats: 0, entries: 5_000 - Int64(lines - 2)))
            #expect(try await Self.export(store) == archive)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a newer archive continues where the store ends`(_ store: StoreUnderTest) async throws {
        try await store.withStore { source in
            let chat = try await source.createChat(titled: ChatTitle("before")).id
            let edited = try await source.postMessage(MessageText("a"), to: chat)
            let deleted = try await source.postMessage(MessageText("b"), to: chat)
            let older = try await Self.export(source)
            let edit = LogChange.edit(edited.id, MessageEdit(text: try MessageText("A")), onlyIf: .any)
            _ = try await source.recordMessage(edit, in: chat)
            _ = try await source.recordMessage(.delete(deleted.id, onlyIf: .any), in: chat)
            _ = try await source.updateChat(chat, ChatEdit(title: try ChatTitle("after")))
            let newer = try await Self.export(source)
            let contents = try await Contents(source)
            try await store.withStore { target in
                _ = try await Self.load(older, into: target)
                #expect(try await Self.load(newer, into: target) == ImportCount(chats: 0, entries: 3))
                #expect(try await Contents(target) == contents)
                // The older archive takes nothing back.
                #expect(try await Self.load(older, into: target) == ImportCount())
                #expect(try await Contents(target) == contents)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `another chat with the same id is left alone`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let own = try await store.createChat(titled: ChatTitle("own"))
            let archive = Self.archive([Self.chat(1), Self.message(1)])
            let conflict = ArchiveError("line 2: the id of chat 1 is taken: the database has another chat under it")
            await #expect(throws: conflict) { try await Self.load(archive, into: store) }
            #expect(try await store.chat(own.id) == own)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a log that has continued differently is left alone`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let end = #"{"type":"end","chats":1,"entries":1}"#
            _ = try await Self.load(Self.archive([Self.chat(1), Self.message(1), end]), into: store)
            _ = try await store.postMessage(MessageText("own"), to: 1)
            let before = try await Contents(store)
            let change =
                #"{"type":"message.updated","chat_id":1,"seq":2,"at":"2026-11-23T09:00:01.000000Z","message_id":1}"#
            for entry in [Self.message(2), change] {
                let archive = Self.archive([Self.chat(1), Self.message(1), entry, Self.message(3)])
                await #expect(throws: ArchiveError("line 4: entry 2 of chat 1 differs from the one in the database")) {
                    try await Self.load(archive, into: store)
                }
                #expect(try await Contents(store) == before)
            }
        }
    }

    @Test(
        arguments: [
            ([#"{"type":"chat"}"#], 2, "'id' must be an integer from 1 to 4503599627370496"),
            (["nonsense"], 2, "it is not JSON: Expecting value at byte 0"),
            (["[]"], 2, "it is not a JSON object"),
            ([#"{"type":"thread"}"#], 2, "unknown type 'thread'"),
            ([message(1)], 2, "an entry of chat 1 does not follow that chat"),
            ([chat(1), message(2)], 3, "position 2 comes after 0"),
            ([chat(1), chat(1)], 3, "chat 1 comes after chat 1"),
            ([chat(1), message(1), message(1)], 4, "position 1 comes after 1"),
            ([chat(4_503_599_627_370_497)], 2, "'id' must be an integer from 1 to 4503599627370496"),
            (
                [chat(1), message(1, #""id":4503599627370497"#)], 3,
                "'id' must be an integer from 1 to 4503599627370496"
            ),
            ([chat(1), message(1, #""text":5"#)], 3, "'text' must be text of 0 to 5000 characters"),
            ([chat(1), message(1, #""author":"""#)], 3, "'author' must be 1 to 128 visible ASCII characters"),
            ([chat(1), message(1, #""author":"é""#)], 3, "'author' must be 1 to 128 visible ASCII characters"),
            ([chat(1), message(1, #""text":"\u0000""#)], 3, "'text' must be text of 0 to 5000 characters"),
            ([chat(1), message(1, #""text":"\ud800""#)], 3, "'text' must be text of 0 to 5000 characters"),
            (
                [chat(1), message(1, #""text":"","created_at":"2026-02-30T09:00:00.000000Z""#)], 3,
                "'created_at' must be an RFC 3339 timestamp such as 2026-11-23T09:00:00.000000Z"
            ),
            (
                [chat(1), message(1, #""text":"","metadata":[]"#)], 3,
                "'metadata' must be an object of at most 16384 bytes"
            ),
            (
                [chat(1), message(1, #""text":"kept","deleted_at":"2026-11-23T09:00:01.000000Z""#)], 3,
                "a deleted message has no text, no metadata and no state"
            ),
            (
                [chat(1), message(1), message(2, #""text":"","created_at":"2026-11-22T09:00:00.000000Z""#)], 4,
                "the timestamp is earlier than the previous one"
            ),
            (
                [chat(1), message(1, #""text":"","state":"done","deleted_at":"2026-11-23T09:00:01.000000Z""#)], 3,
                "a deleted message has no text, no metadata and no state"
            ),
            ([chat(1), message(1, #""state":"new""#)], 3, "'state' must be one of open, done, failed, cancelled"),
            (
                [chat(1), message(1, #""state":"failed","reason":"""#)], 3,
                "'reason' must be text of 1 to 200 characters"
            ),
            ([String(repeating: " ", count: 1_048_577)], 2, "it is longer than 1048576 bytes"),
            ([#"{"type":"end","chats":0,"entries":0}"#, chat(1)], 3, "there are lines after the archive's end"),
            (
                [chat(1), #"{"type":"end","chats":1,"entries":9}"#], 3,
                "the last line counts 9 entries, but the archive has 0"
            ),
        ] as [([String], Int, String)]
    )
    func `an invalid line is named and everything before it is kept`(
        _ lines: [String],
        _ number: Int,
        _ complaint: String
    ) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            await #expect(throws: ArchiveError("line \(number): \(complaint)")) {
                try await Self.load(Self.archive(lines), into: store)
            }
            let kept = try await Contents(store)
            #expect(kept.chats.count == (lines.first == Self.chat(1) ? 1 : 0))
            let messages = lines.prefix(number - 2).count { $0.contains("message.created") }
            #expect(kept.messageIDs.count == messages)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a change to a missing message is rejected`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let change =
                #"{"type":"message.deleted","chat_id":1,"seq":2,"at":"2026-11-23T09:00:01.000000Z","message_id":9}"#
            let archive = Self.archive([Self.chat(1), Self.message(1), change])
            await #expect(throws: ArchiveError("line 4: entry 2 of chat 1 is about message 9, which does not exist")) {
                try await Self.load(archive, into: store)
            }
            let kept = try await Contents(store)
            #expect(kept.chats.isEmpty)
        }
    }

    @Test(
        arguments: StoreUnderTest.allCases,
        [
            (#""id":1"#, "entry 2 of chat 1 has the id 1 of another message"),
            (
                #""idempotency_key":"k","idempotency_fingerprint":"1""#,
                "entry 2 of chat 1 has the idempotency key of another message"
            ),
        ]
    )
    func `two messages with the same id or key are rejected`(_ store: StoreUnderTest, _ twin: (String, String))
        async throws
    {
        try await store.withStore { store in
            let key = #""idempotency_key":"k","idempotency_fingerprint":"1""#
            let archive = Self.archive([Self.chat(1), Self.message(1, key), Self.message(2, twin.0)])
            await #expect(throws: ArchiveError("line 4: \(twin.1)")) { try await Self.load(archive, into: store) }
            let kept = try await Contents(store)
            #expect(kept.chats.isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the archive in the documentation is valid`(_ store: StoreUnderTest) async throws {
        let page = try PackageFile.read("docs/export.md")
        let archive = try #require(page.firstMatch(of: /(?s)\$ cat chats.ndjson\n(.*?)```/)).output.1
        try await store.withStore { store in
            #expect(
                try await Self.load(Array(archive.utf8), into: store) == ImportCount(users: 2, chats: 1, entries: 5)
            )
            let exported = try await Self.export(store)
            #expect(String(decoding: exported, as: UTF8.self) == archive)
        }
    }

    @Test func `an archive must start with a known header`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            for (line, complaint) in [
                (Self.chat(1), "an archive must begin with its header"),
                (
                    #"{"type":"header","format":"chat-api","version":2}"#,
                    "the archive has version 2; this chat-api reads version 1"
                ),
                (#"{"type":"header","format":"slack","version":1}"#, "this is not an archive of chat-api"),
            ] {
                await #expect(throws: ArchiveError("line 1: \(complaint)")) {
                    try await Self.load(Array("\(line)\n".utf8), into: store)
                }
            }
            await #expect(throws: ArchiveError("the archive is truncated after line 0")) {
                try await Self.load([], into: store)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `members documented as optional may be missing`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = #"{"type":"chat","id":1,"title":"short","created_at":"2026-11-23T10:00:00+01:00"}"#
            let end = #"{"type":"end","chats":1,"entries":2}"#
            let second = Self.message(2, #""created_at":"2026-11-23t10:00:01.1234567+01:00""#)
            for expected in [ImportCount(chats: 1, entries: 2), ImportCount()] {
                let archive = Self.archive([chat, Self.message(1), second, end])
                #expect(try await Self.load(archive, into: store) == expected)
            }
            let stored = try await store.chat(1)
            #expect(stored.createdAt == Instant(timestamp: "2026-11-23T09:00:00Z"))
            #expect(stored.lastPosition == 2)
            #expect(stored.messageCount == 2)
            #expect(stored.lastMessageAt == Instant(timestamp: "2026-11-23T09:00:01.123456Z"))
            #expect(try await store.log(of: 1, after: 0, limit: 20).entries.map(\.author) == [nil, nil])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an archive continues a log even if it does not say where the log ends`(_ store: StoreUnderTest) async throws {
        try await store.withStore { source in
            let chat = try await source.createChat(titled: ChatTitle("before")).id
            let edited = try await source.postMessage(MessageText("a"), to: chat)
            let older = try await Self.export(source)
            let edit = LogChange.edit(edited.id, MessageEdit(text: try MessageText("A")), onlyIf: .any)
            _ = try await source.recordMessage(edit, in: chat)
            let newer = String(decoding: try await Self.export(source), as: UTF8.self)
                .replacing(/"last_seq":.*"message_count":1/, with: #""members":"unknown""#)
            #expect(!newer.contains("last_seq"))
            let contents = try await Contents(source)
            try await store.withStore { target in
                _ = try await Self.load(older, into: target)
                #expect(try await Self.load(Array(newer.utf8), into: target) == ImportCount(chats: 0, entries: 1))
                #expect(try await Contents(target) == contents)
            }
        }
    }

    /// Nine of these lines are invalid.
    ///
    /// The comments count from the archive's header, which is line 1.
    private static let linesWithNineInvalid: [String] = {
        let key = #""idempotency_key":"k","idempotency_fingerprint":"1""#
        return [
            // From line 2:
            Self.chat(1), Self.message(1), "nonsense", Self.message(3), Self.message(4),
            // From line 7:
            #"{"type":"chat","id":2}"#, Self.message(1, in: 2),
            // From line 9:
            Self.chat(3), Self.message(1, in: 9), Self.message(1, in: 3), Self.message(1, in: 3),
            Self.message(2, in: 3),
            // From line 14:
            Self.chat(4), Self.message(1, in: 4), String(repeating: "x", count: 1_300_000), Self.message(2, in: 4),
            // From line 18:
            Self.chat(5), Self.message(1, in: 5), Self.message(3, in: 5),
            // From line 21:
            Self.chat(6), Self.message(1, in: 6, key), Self.message(2, in: 6, key), Self.message(3, in: 6),
            // From line 25:
            Self.chat(7), Self.message(1, in: 7),
            // From line 27:
            Self.chat(6), Self.message(1, in: 6),
            // From line 29:
            Self.chat(8), #"{"type":"end","chats":9,"entries":99}"#,
        ]
    }()

    private static let complaints = [
        "line 4: it is not JSON: Expecting value at byte 0",
        "line 7: 'title' must be text of 1 to 200 characters",
        "line 10: an entry of chat 9 does not follow that chat",
        "line 12: position 1 comes after 1",
        "line 16: it is longer than 1048576 bytes",
        "line 20: position 3 comes after 1",
        "line 23: entry 2 of chat 6 has the idempotency key of another message",
        "line 25: the id of chat 7 is taken: the database has another chat under it",
        "line 27: chat 6 comes after chat 7",
    ]

    @Test(arguments: StoreUnderTest.allCases)
    func `each invalid line is named and skipped with the rest of its log`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            for _ in 1...7 {
                _ = try await store.createChat(titled: ChatTitle("own"))
            }
            for id in [1, 2, 3, 4, 5, 6] as [ChatID] {
                try await store.deleteChat(id)
            }
            while try await store.purgeDeletedChats() {}
            let before = try await Contents(store)
            let rehearsed = try await Self.run(Self.linesWithNineInvalid, on: store, ChatImport.Options(isDryRun: true))
            #expect(rehearsed.complaints == Self.complaints)
            #expect(try await Contents(store) == before)
            let done = try await Self.run(Self.linesWithNineInvalid, on: store, ChatImport.Options(skipsInvalid: true))
            #expect(done.complaints == Self.complaints)
            #expect(done.summary == rehearsed.summary)
            #expect(
                done.summary
                    == ChatImport.Summary(
                        added: ImportCount(chats: 6, entries: 6),
                        invalidLines: 9,
                        skippedLines: 16
                    )
            )
            let after = try await Contents(store)
            #expect(after.chats.map(\.id.rawValue) == [1, 3, 4, 5, 6, 7, 8])
            #expect(after.chats.map(\.lastPosition.rawValue) == [1, 2, 1, 1, 1, 0, 0])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a dry run of many batches reports what an import would do`(_ store: StoreUnderTest) async throws {
        var lines = String(decoding: Self.largeArchive(messages: 5_000), as: UTF8.self).split(separator: "\n")
            .dropFirst().map(String.init)
        // The third batch repeats an id of the first.
        lines[4_500] = lines[4_500].replacing(/"id":\d+/, with: #""id":17"#)
        let broken = lines
        try await store.withStore { store in
            let rehearsed = try await Self.run(broken, on: store, ChatImport.Options(isDryRun: true))
            #expect(rehearsed.complaints == ["line 4502: entry 4500 of chat 7 has the id 17 of another message"])
            let kept = try await Contents(store)
            #expect(kept.chats == [])
            let done = try await Self.run(broken, on: store, ChatImport.Options(skipsInvalid: true))
            #expect(done.complaints == rehearsed.complaints)
            #expect(done.summary == rehearsed.summary)
            #expect(done.summary.added == ImportCount(chats: 1, entries: 4_499))
            // Once repaired, the import continues where it stopped.
            #expect(
                try await Self.load(Self.largeArchive(messages: 5_000), into: store)
                    == ImportCount(chats: 0, entries: 501)
            )
        }
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `a dry run predicts a damaged archive's import, and the intact one completes it`(_ seed: UInt64) async throws {
        var random = SplitMix64(state: seed)
        try await StoreUnderTest.sqliteInMemory.withStore { source in
            try await Self.fill(source)
            let archive = try await Self.export(source)
            let contents = try await Contents(source)
            let lines = String(decoding: archive, as: UTF8.self).split(separator: "\n").dropFirst().map(String.init)
            var broken = lines
            for _ in 0...Int.random(in: 0...2, using: &random) {
                let index = Int.random(in: 0..<(broken.count - 1), using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: broken[index] = String(broken[index].dropLast(Int.random(in: 1...20, using: &random)))
                case 1: broken.remove(at: index)
                case 2: broken.insert(broken[index], at: index)
                default: broken.swapAt(index, broken.count - 2)
                }
            }
            let damaged = broken
            try await StoreUnderTest.sqliteInMemory.withStore { target in
                let rehearsed = try await Self.run(damaged, on: target, ChatImport.Options(isDryRun: true))
                let untouched = try await Contents(target)
                #expect(untouched.chats == [])
                let done = try await Self.run(damaged, on: target, ChatImport.Options(skipsInvalid: true))
                #expect(done.complaints == rehearsed.complaints)
                #expect(done.summary == rehearsed.summary)
                for log in try await Contents(target).logs {
                    #expect(log.entries.map(\.position.rawValue) == Array(0..<log.lastPosition.rawValue).map { $0 + 1 })
                }
                _ = try await Self.load(archive, into: target)
                #expect(try await Contents(target) == contents)
            }
        }
    }
}

/// Everything that clients can read from a store.
private struct Contents: Equatable {
    var chats: [Chat] = []
    var logs: [LogPage] = []
    var pages: [MessagePage] = []
    var list: ChatList

    init(_ store: any ChatStore & ChatArchive) async throws {
        list = try await store.chats(ChatListQuery(limit: 100))
        chats = list.chats.sorted { $0.id.rawValue < $1.id.rawValue }
        for chat in chats {
            logs.append(try await store.log(of: chat.id, after: 0, limit: 100))
            pages.append(try await store.messages(.newest(of: chat.id, limit: 100)))
        }
    }

    /// Without the epoch, which each database has its own.
    static func == (lhs: Contents, rhs: Contents) -> Bool {
        lhs.chats == rhs.chats && lhs.list.chats == rhs.list.chats && lhs.list.next == rhs.list.next
            && lhs.logs.map(\.entries) == rhs.logs.map(\.entries)
            && lhs.logs.map(\.lastPosition) == rhs.logs.map(\.lastPosition)
            && lhs.pages.map(\.messages) == rhs.pages.map(\.messages)
            && lhs.pages.map { [$0.hasBefore, $0.hasAfter] } == rhs.pages.map { [$0.hasBefore, $0.hasAfter] }
            && lhs.pages.map(\.lastPosition) == rhs.pages.map(\.lastPosition)
    }

    var messageIDs: [Int64] {
        pages.flatMap(\.messages).map(\.id.rawValue)
    }
}

extension ArchiveTests {
    fileprivate static func draftWithKey() throws -> ChatDraft {
        ChatDraft(
            title: try ChatTitle("with a key"),
            metadata: Metadata(json: #"{"a":[1,2.50]}"#),
            idempotencyKey: IdempotencyKey("chat")
        )
    }

    /// Makes three chats: the first has every kind of entry, and the second is deleted.
    fileprivate static func fill(_ store: any ChatStore) async throws {
        let chat = try await store.createChat(titled: ChatTitle("Привет \"👋🏽\"")).id
        let gone = try await store.createChat(titled: ChatTitle("gone")).id
        let other = try await store.createChat(titled: ChatTitle("other")).id
        _ = try await store.createChat(draftWithKey(), by: .user("ada"))
        func post(
            _ text: String,
            _ metadata: String? = nil,
            replyTo: MessageID? = nil,
            key: String? = nil,
            by caller: Caller = .anonymous
        ) async throws -> Message {
            let draft = MessageDraft(
                text: try MessageText(text),
                metadata: metadata.flatMap { Metadata(json: $0) },
                replyTo: replyTo,
                idempotencyKey: key.flatMap { IdempotencyKey($0) }
            )
            return try await store.recordMessage(.post(draft), in: chat, by: caller).value
        }
        func change(_ change: LogChange, by caller: Caller = .anonymous) async throws {
            _ = try await store.recordMessage(change, in: chat, by: caller)
        }
        let first = try await post("line\nbreak \"quoted\" \\ \u{7} \u{2028} é 👋🏽", #"{"n":[1,null]}"#)
        let second = try await post("answer", replyTo: first.id, by: .user("bob"))
        _ = try await store.postMessage(MessageText("elsewhere"), to: other)
        _ = try await store.postMessage(MessageText("gone"), to: gone)
        try await change(
            .edit(second.id, MessageEdit(text: try MessageText("better")), onlyIf: .any),
            by: .administrator("ada")
        )
        try await change(.edit(second.id, MessageEdit(text: try MessageText("best")), onlyIf: .any))
        let sent = try await post("sent once", key: "k1", by: .user("ada"))
        let deleted = try await post("to be deleted", #"{"secret":1}"#, replyTo: sent.id, key: "k2", by: .user("ada"))
        try await change(.delete(deleted.id, onlyIf: .any), by: .user("bob"))
        let rename = ChatEdit(title: try ChatTitle("renamed"), metadata: .replace(Metadata(json: "{}")))
        _ = try await store.updateChat(chat, rename, by: .user("ada"))
        for number in 1...5 {
            _ = try await post("message \(number)")
        }
        try await change(.delete(first.id, onlyIf: .any))
        _ = try await store.postMessage(MessageText("elsewhere, too"), to: other)
        try await change(.edit(sent.id, MessageEdit(metadata: .replace(Metadata(json: #"{"m":1}"#))), onlyIf: .any))
        try await store.deleteChat(gone)
    }

    static func export(_ archive: any ChatArchive, _ chat: ChatID? = nil) async throws -> [UInt8] {
        let output = Bytes()
        _ = try await ChatExport(archive).run(chat) { bytes, _ in output.append(bytes) }
        return output.all
    }

    /// Delivers the archive in pieces that do not end at line breaks.
    static func load(_ bytes: [UInt8], into archive: any ChatArchive & IdentityStore) async throws -> ImportCount {
        var rest = bytes[...]
        return try await ChatImport(archive).run {
            defer { rest = rest.dropFirst(4_099) }
            return Array(rest.prefix(4_099))
        } report: { _ in
        }.added
    }

    /// Imports lines after a header, and returns everything that is reported about them.
    static func run(
        _ lines: [String],
        on archive: any ChatArchive & IdentityStore,
        _ options: ChatImport.Options
    ) async throws -> (summary: ChatImport.Summary, complaints: [String]) {
        var rest = Self.archive(lines)[...]
        var complaints: [String] = []
        let summary = try await ChatImport(archive, options: options).run {
            defer { rest = rest.dropFirst(4_099) }
            return Array(rest.prefix(4_099))
        } report: { _ in
        } complain: {
            complaints.append($0.description)
        }
        return (summary, complaints)
    }

    fileprivate static func masked(_ archive: [UInt8]) -> String {
        String(decoding: archive, as: UTF8.self).replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/, with: "<instant>")
    }

    static func archive(_ lines: [String]) -> [UInt8] {
        let header = #"{"type":"header","format":"chat-api","version":1}"#
        return Array(([header] + lines).map { $0 + "\n" }.joined().utf8)
    }

    static func chat(_ id: Int, lastPosition: Int = 9) -> String {
        """
        {"type":"chat","id":\(id),"title":"imported","created_at":"2026-11-23T09:00:00.000000Z",\
        "last_seq":\(lastPosition),"last_entry_at":"2026-11-23T09:00:01.000000Z",\
        "last_message_at":"2026-11-23T09:00:01.000000Z","message_count":\(lastPosition)}
        """
    }

    /// - Parameter more: Members that come last and so override those of the same name.
    fileprivate static func message(_ position: Int, in chat: Int = 1, _ more: String = #""revision":1"#) -> String {
        """
        {"type":"message.created","chat_id":\(chat),"seq":\(position),"id":\(position),"text":"message",\
        "created_at":"2026-11-23T09:00:01.000000Z","revision":1,\(more)}
        """
    }

    /// As `export` writes it.
    fileprivate static func largeArchive(messages: Int) -> [UInt8] {
        let entries = (1...messages).map { message($0, in: 7).replacing(#","revision":1}"#, with: "}") }
        let end = #"{"type":"end","chats":1,"entries":\#(messages)}"#
        return archive([chat(7, lastPosition: messages)] + entries + [end])
    }
}

/// The output of an export.
private final class Bytes {
    private(set) var all: [UInt8] = []

    func append(_ bytes: [UInt8]) {
        all += bytes
    }
}
