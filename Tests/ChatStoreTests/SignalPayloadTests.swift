import ChatDomain
import ChatPostgres
import ChatTestSupport
import Testing

@Suite struct SignalPayloadTests {
    @Test func `payloads have exactly this format`() throws {
        let metadata = try #require(Metadata(json: #"{"user":"Ada L"}"#))
        let instant = Instant(microsecondsSinceEpoch: -5)
        let typing = Typing(chatID: 3, instant: instant, metadata: metadata)
        let anonymous = Typing(chatID: 4, instant: Instant(microsecondsSinceEpoch: 0), metadata: nil)
        let byAda = Typing(chatID: 5, author: "{@da}", instant: instant, metadata: metadata)
        let byBob = Typing(chatID: 6, author: "@bob", instant: instant, metadata: nil)
        let lines = lines(
            of: [
                .signal(.created(1)), .signal(.deleted(2)),
                .signal(
                    .membershipsChanged([
                        MemberReference(chatID: 7, userID: "a"), MemberReference(chatID: 8, userID: "!"),
                    ])
                ),
                .typing(typing),
                .typing(anonymous), .typing(byAda), .typing(byBob),
                .growth(.grew(TextPiece(offset: 3, text: " a\\\n\t", status: "b \t c"), epoch: 4)),
                .growth(.grew(TextPiece(offset: 0, text: "", status: nil), epoch: 0)),
                .growth(.stored(length: 5, epoch: 6)), .growth(.wanted), .growth(.cancelRequested),
                .signal(.moved([5: Position(rawValue: .max)])),
            ]
        )
        let texts = SignalPayload.texts(of: lines, process: 0xc0ffee)
        #expect(
            texts == [
                """
                1 0000000000c0ffee
                created 1
                deleted 2
                member 7 a
                member 8 !
                typing 3 -5 {"user":"Ada L"}
                typing 4 0
                typing 5 -5 @{@da} {"user":"Ada L"}
                typing 6 -5 @@bob
                grew 1 9 4 3  a\\\\\\n\\t\tb \\t c
                grew 1 9 0 0\u{20}
                stored 1 9 6 5
                wanted 1 9
                cancel 1 9
                moved 5 9223372036854775807
                """
            ]
        )
        #expect(SignalPayload.texts(of: [], process: 1).isEmpty)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `payloads are read as they were sent`(_ seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let sent = (0..<Int.random(in: 1...600, using: &random)).map { _ in Sent.random(using: &random) }
        let signals = sent.compactMap { if case .signal(let signal) = $0 { signal } else { nil } }
        let typing = sent.compactMap { if case .typing(let typing) = $0 { typing } else { nil } }
        let growth = sent.compactMap { if case .growth(let content) = $0 { content } else { nil } }
        let process = random.next()
        let texts = SignalPayload.texts(of: lines(of: sent), process: process)
        #expect(texts.allSatisfy { $0.utf8.count <= SignalPayload.maximumLength })
        let payloads = try texts.map { try #require(SignalPayload($0)) }
        #expect(payloads.allSatisfy { $0.process == process })
        #expect(payloads.flatMap(\.signals).withoutMoves == signals.withoutMoves)
        #expect(payloads.flatMap(\.signals).positions == signals.positions)
        #expect(payloads.flatMap(\.signals).members == signals.members)
        #expect(payloads.flatMap(\.typing) == typing)
        #expect(payloads.flatMap(\.growth).map(\.content) == growth)
    }

    @Test func `a notification is filled before the next one starts`() throws {
        // Each line takes 26 bytes with its line break, and the header 18.
        let lines = (0..<1_000).map { "moved \(1_000_000_000 + $0) 10000000" }
        let texts = SignalPayload.texts(of: lines, process: 1)
        let perNotification = (SignalPayload.maximumLength - 18) / 26
        #expect(texts.count == (1_000 + perNotification - 1) / perNotification)
        #expect(texts.first?.utf8.count == 18 + 26 * perNotification)
    }

    @Test func `metadata that is too long is not sent`() throws {
        for (length, isSent) in [(Typing.maximumMetadataLength, true), (Typing.maximumMetadataLength + 1, false)] {
            let metadata = Metadata(json: "{\"\":\"" + String(repeating: "x", count: length - 7) + "\"}")
            #expect(metadata?.json.utf8.count == length)
            var outgoing = OutgoingSignals()
            let typing = Typing(chatID: 1, instant: .now(), metadata: metadata)
            #expect(outgoing.add(typing) == isSent)
            #expect((outgoing.take() != nil) == isSent)
        }
    }

    /// Other payloads that may be sent on the channel.
    static let foreign = [
        "", " ", "\n", "hello", "1", "1 ", "1 0000000000000001", "1 0000000000000001\n",
        "2 0000000000000001\nmissed", "01 0000000000000001\nmissed", "1 1\nmissed", "1 00000000000000001\nmissed",
        "1 +000000000000001\nmissed", "1 000000000000000A\nmissed", "1 000000000000000g\nmissed",
        "1  0000000000000001\nmissed", "1 0000000000000001 \nmissed", "1 0000000000000001\r\nmissed",
        "1 0000000000000001\nmissed\n", "1 0000000000000001\n\nmissed", "1 0000000000000001\nMISSED",
        "1 0000000000000001\nmissed ", "1 0000000000000001\nmissed 1", "1 0000000000000001\nmissed\u{301}",
        "1 0000000000000001\ncreated", "1 0000000000000001\ncreated ", "1 0000000000000001\ncreated x",
        "1 0000000000000001\ncreated 0", "1 0000000000000001\ncreated -1", "1 0000000000000001\ncreated +1",
        "1 0000000000000001\ncreated 01", "1 0000000000000001\ncreated 9223372036854775808",
        "1 0000000000000001\ncreated 1 2", "1 0000000000000001\ncreated  1", "1 0000000000000001\ncreated ١",
        "1 0000000000000001\ndeleted 1.0", "1 0000000000000001\nmember 1", "1 0000000000000001\nmember 1 a b",
        "1 0000000000000001\nmember x a", "1 0000000000000001\nmember 1 \u{E4}da", "1 0000000000000001\nmoved 1",
        "1 0000000000000001\nmoved 1 0",
        "1 0000000000000001\nmoved 1 -1", "1 0000000000000001\nmoved 0 1", "1 0000000000000001\nmoved 1 2 3",
        "1 0000000000000001\nmoved 1 2\ndropped 1", "1 0000000000000001\nmoved 1 2\0",
        "1 0000000000000001\ntyping 1", "1 0000000000000001\ntyping 1 x", "1 0000000000000001\ntyping 1 1 ",
        "1 0000000000000001\ntyping 1 1 null", "1 0000000000000001\ntyping 1 1 {", "1 0000000000000001\ntyping 1 1 }",
        "1 0000000000000001\ntyping 1 1 {\"a\":\r1}", "1 0000000000000001\ntyping 1 1 {\"a\":\n1}",
        "1 0000000000000001\ntyping 1 1  {}", "1 0000000000000001\ntyping 1 1 @", "1 0000000000000001\ntyping 1 1 @ {}",
        "1 0000000000000001\ntyping 1 1 @ada ", "1 0000000000000001\ntyping 1 1 @ada  {}",
        "1 0000000000000001\ntyping 1 1 @ada bob", "1 0000000000000001\ntyping 1 1 @\u{E4}da",
        "1 0000000000000001\ntyping 1 1 {} @ada",
        "1 0000000000000001\ngrew", "1 0000000000000001\ngrew 1 2 0 0", "1 0000000000000001\ngrew 1 2 0 a",
        "1 0000000000000001\ngrew 0 2 0 0 a", "1 0000000000000001\ngrew 1 0 0 0 a",
        "1 0000000000000001\ngrew 1 2 -1 0 a",
        "1 0000000000000001\ngrew 1 2 0 -1 a", "1 0000000000000001\ngrew 1 2 0 32769 a",
        "1 0000000000000001\ngrew 1 2 0 00 a", "1 0000000000000001\ngrew 1 2 0 0 \\",
        "1 0000000000000001\ngrew 1 2 0 0 \\x", "1 0000000000000001\ngrew 1 2 0 0 a\n",
        "1 0000000000000001\ngrew 1 2 0 0 a\t", "1 0000000000000001\ngrew 1 2 0 0 a\tb\tc",
        "1 0000000000000001\ngrew 1 2 0 0 a\t b", "1 0000000000000001\ngrew 1 2 0 0 a\0",
        "1 0000000000000001\ngrew 1 2 0 0 a\t" + String(repeating: "b", count: 201),
        "1 0000000000000001\nstored 1 2 0", "1 0000000000000001\nstored 1 2 0 -1",
        "1 0000000000000001\nstored 1 2 0 1 1", "1 0000000000000001\nstored 1 2 0 32769",
        "1 0000000000000001\nwanted 1", "1 0000000000000001\nwanted 1 2 3", "1 0000000000000001\nwanted 1 x",
        "1 0000000000000001\ncancel 1", "1 0000000000000001\ncancel 1 2 ", "1 0000000000000001\ncancel -1 2",
        "1 0000000000000001\ntyping 1 1 {" + String(repeating: " ", count: 1_023) + "}",
    ]

    @Test func `unknown payloads are ignored`() {
        for text in Self.foreign {
            #expect(SignalPayload(text) == nil, "\(text.debugDescription) was read")
        }
    }

    /// The lines that would be sent if each signal were sent alone.
    private func lines(of sent: [Sent]) -> [String] {
        sent.flatMap { sent in
            var outgoing = OutgoingSignals()
            switch sent {
            case .signal(let signal): _ = outgoing.add(signal)
            case .typing(let typing): _ = outgoing.add(typing)
            case .growth(let content):
                let message = BatchPlan.MessageReference(chatID: 1, id: MessageID(rawValue: 9))
                _ = outgoing.add(GrowthNotice(message, content))
            }
            return outgoing.take() ?? []
        }
    }
}

/// What a process sends to other processes.
private enum Sent {
    case signal(LogSignal)
    case typing(Typing)
    /// Of message 9 of chat 1.
    case growth(GrowthNotice.Content)

    static func random(using random: inout SplitMix64) -> Sent {
        let chat = ChatID(rawValue: .random(in: 1...50, using: &random))
        switch Int.random(in: 0..<10, using: &random) {
        case 7:
            let words = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                ["a", " ", "\n", "\r\n", "\\", "\t", "é", "\u{301}", "👋🏽"].randomElement(using: &random) ?? ""
            }
            let offset = Int.random(in: 0...StreamedText.maximumLength, using: &random)
            let status: String? = ["Thinking", "a\tb\\\nc", nil].randomElement(using: &random) ?? nil
            let piece = TextPiece(offset: offset, text: words.joined(), status: status)
            return .growth(.grew(piece, epoch: .random(in: 0...3, using: &random)))
        case 8: return .growth(.stored(length: .random(in: 0...32_768, using: &random), epoch: 1))
        case 9: return .growth([.wanted, .cancelRequested].randomElement(using: &random) ?? .wanted)
        case 0: return .signal(.created(chat))
        case 1: return .signal(.deleted(chat))
        case 2: return .signal(.missed)
        case 4:
            let users = ["ada", "ben", "@"].prefix(.random(in: 1...3, using: &random)).compactMap { UserID($0) }
            return .signal(.membershipsChanged(users.map { MemberReference(chatID: chat, userID: $0) }))
        case 3:
            let length = Int.random(in: 0...300, using: &random)
            let text = (0..<length).map { _ in ["a", " ", "é", "👋🏽", "\\n"].randomElement(using: &random) ?? "" }
            let metadata = length == 0 ? nil : Metadata(json: "{\"text\":\"\(text.joined().prefix(100))\"}")
            let instant = Instant(microsecondsSinceEpoch: .random(in: .min ... .max, using: &random))
            let author: UserID? = ["ada", "{}", "@", nil].randomElement(using: &random) ?? nil
            return .typing(Typing(chatID: chat, author: author, instant: instant, metadata: metadata))
        default: return .signal(.moved([chat: Position(rawValue: .random(in: 1...(.max), using: &random))]))
        }
    }
}

extension [LogSignal] {
    /// The highest position of each chat.
    var positions: [ChatID: Position] {
        reduce(into: [:]) { positions, signal in
            if case .moved(let moved) = signal {
                positions.merge(moved) { Swift.max($0, $1) }
            }
        }
    }

    var members: [MemberReference] {
        flatMap { signal -> [MemberReference] in
            if case .membershipsChanged(let members) = signal { members } else { [] }
        }
    }

    var withoutMoves: [LogSignal] {
        filter { signal in
            switch signal {
            case .moved, .membershipsChanged: false
            default: true
            }
        }
    }
}
