import ChatDomain
import ChatLive
import ChatTestSupport
import NIOCore
import NIOPosix
import Testing

/// How the text of open messages reaches subscribers.
@Suite(.timeLimit(.minutes(1)))
struct GrowthTests {
    @Test func `text comes after the entry of its message, and none after the one that ends it`() async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe()
            let message = try await growth.open("Grü")
            await reader.wait(for: "Grü", of: message)
            for (offset, piece) in [(3, "ße"), (5, " an"), (8, " alle")] {
                try growth.write(piece, at: offset, to: message)
                await reader.wait(for: String("Grüße an alle".unicodeScalars.prefix(offset + piece.count)), of: message)
            }
            try await growth.finish(message)
            growth.hub.closed(message.reference)
            await reader.wait(for: "message.updated")
            #expect(
                reader.summaries == [
                    "caught_up", "message.created", "0 Grü", "3 ße", "5  an", "8  alle", "message.updated",
                ]
            )
            #expect(growth.hub.openMessages.count == 0)
        }
    }

    @Test func `a reader that has read the text gets only what follows`() async throws {
        try await withGrowth { growth in
            let message = try await growth.open("Hel")
            // Not published yet.
            _ = try message.write("lo", at: 3, status: nil)
            let (text, sent) = message.whole
            #expect(text == "Hello")
            let reader = try await growth.subscribe(having: (message, sent))
            try growth.write("!", at: 5, to: message)
            await reader.wait(for: "Hello!", of: message)
            #expect(reader.summaries == ["caught_up", "5 !"])
        }
    }

    /// What was read of one object says nothing about another.
    @Test func `a reader gets the whole text if the message was closed and opened again`() async throws {
        try await withGrowth { growth in
            let message = try await growth.open("Hel")
            let sent = message.whole.extent
            growth.hub.closed(message.reference)
            let reopened = OpenMessage.sample(1, at: 1, text: "Help")
            growth.hub.opened(reopened)
            let reader = try await growth.subscribe(having: (message, sent))
            await reader.wait(for: "Help", of: reopened)
            #expect(reader.summaries == ["caught_up", "0 Help"])
        }
    }

    @Test func `an event of growth has no position`() async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe()
            let message = try await growth.open()
            _ = try message.write("Hi\n", at: 0, status: nil)
            _ = try message.write("", at: 3, status: "Searching")
            growth.hub.grew(message)
            await reader.wait(for: "Hi\n", of: message)
            let event = try #require(reader.events.last)
            #expect(event.place == nil)
            #expect(event.type == "message.appended")
            #expect(
                String(decoding: event.json, as: UTF8.self)
                    == #"{"type":"message.appended","chat_id":1,"message_id":1,"at":0,"text":"Hi\n","status":"Searching"}"#
            )
        }
    }

    /// The signal of the entry may come later than the text.
    @Test func `text waits for the entry of its message`() async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe()
            let message = OpenMessage.sample(2, at: 2, text: "a")
            growth.hub.opened(message)
            try growth.write("b", at: 1, to: message)
            _ = try await growth.store.postMessage(MessageText("one"), to: growth.chat)
            await reader.wait(for: "message.created")
            try await reader.synchronize()
            #expect(reader.summaries == ["caught_up", "message.created"])
            _ = try await growth.store.postMessage(MessageText("two"), to: growth.chat)
            await reader.wait(for: "ab", of: message)
            #expect(reader.summaries == ["caught_up", "message.created", "message.created", "0 ab"])
        }
    }

    @Test func `pieces are merged into at most one event per interval`() async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe()
            let message = try await growth.open()
            let expected = String(repeating: "x", count: 5_000)
            let start = ContinuousClock.now
            for offset in 0..<5_000 {
                try growth.write("x", at: offset, to: message)
            }
            await reader.wait(for: expected, of: message)
            let intervals = Int((ContinuousClock.now - start) / StreamLimits().growthInterval)
            #expect(reader.pieces(of: message).count <= intervals + 1)
        }
    }

    @Test func `a subscriber that is not writable gets one merged piece later, after the entries`() async throws {
        try await withGrowth { growth in
            let slow = try await growth.subscribe()
            let other = try await growth.subscribe()
            let message = try await growth.open()
            try growth.write("a", at: 0, to: message)
            await slow.wait(for: "a", of: message)
            try await slow.setWritable(false)
            try growth.write("b", at: 1, to: message)
            await other.wait(for: "ab", of: message)
            try growth.write("c", at: 2, to: message)
            await other.wait(for: "abc", of: message)
            #expect(await growth.hub.streams().map(\.lag) == [0, 0])
            _ = try await growth.store.postMessage(MessageText("one"), to: growth.chat)
            await other.wait(for: "message.created", count: 2)
            #expect(await growth.hub.streams().map(\.lag).sorted() == [0, 1])
            try await slow.setWritable(true)
            #expect(slow.summaries == ["caught_up", "message.created", "0 a", "message.created", "1 bc"])
        }
    }

    /// Even if nothing else happens in the chat.
    @Test func `a subscriber that becomes writable gets the text at once`() async throws {
        try await withGrowth { growth in
            let slow = try await growth.subscribe()
            let other = try await growth.subscribe()
            let message = try await growth.open()
            await slow.wait(for: "message.created")
            try await slow.setWritable(false)
            try growth.write("a", at: 0, to: message)
            await other.wait(for: "a", of: message)
            try await slow.synchronize()
            try await slow.setWritable(true)
            #expect(slow.summaries == ["caught_up", "message.created", "0 a"])
        }
    }

    @Test func `a late subscriber gets the whole text once it has caught up`() async throws {
        try await withGrowth { growth in
            let message = try await growth.open()
            let silent = try await growth.open()
            try growth.write("abc", at: 0, to: message)
            let late = try await growth.subscribe(after: 0)
            await late.wait(for: "abc", of: message)
            #expect(late.summaries == ["message.created", "message.created", "caught_up", "0 abc"])
            #expect(late.pieces(of: silent).isEmpty)
            try growth.write("d", at: 3, to: message)
            await late.wait(for: "abcd", of: message)
            #expect(late.summaries.last == "3 d")
        }
    }

    @Test(arguments: ["ab", "abXYZ", "", "abcdefgh"])
    func `subscribers follow a text that is replaced`(_ text: String) async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe()
            let message = try await growth.open("abcd")
            await reader.wait(for: "abcd", of: message)
            message.replace(with: text)
            growth.hub.grew(message)
            await reader.wait(for: text, of: message)
            let common = zip(text, "abcd").prefix { $0 == $1 }.count
            #expect(reader.summaries.last == "\(common) \(text.dropFirst(common))")
        }
    }

    @Test func `a message that is opened again starts with the whole text`() async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe()
            let message = try await growth.open("abcd")
            await reader.wait(for: "abcd", of: message)
            let other = OpenMessage(try await growth.store.message(message.reference.id, in: growth.chat))
            _ = try other.write("e", at: 4, status: nil)
            growth.hub.opened(other)
            growth.hub.grew(other)
            await reader.wait(for: "abcde", of: other)
            try growth.write("X", at: 4, to: message)
            try await reader.synchronize()
            #expect(!reader.summaries.contains("4 X"))
            #expect(growth.hub.openMessages[message.reference] === other)
        }
    }

    @Test func `nothing is sent of a message that was closed`() async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe()
            let message = try await growth.open()
            try growth.write("a", at: 0, to: message)
            await reader.wait(for: "a", of: message)
            // Before the event loop sends it.
            try await growth.eventLoops[0].submit {
                try growth.write("b", at: 1, to: message)
                growth.hub.closed(message.reference)
                try growth.write("c", at: 2, to: message)
            }.get()
            _ = try await growth.store.postMessage(MessageText("one"), to: growth.chat)
            await reader.wait(for: "message.created", count: 2)
            let late = try await growth.subscribe()
            await late.wait(for: "caught_up")
            try await late.synchronize()
            #expect(reader.summaries == ["caught_up", "message.created", "0 a", "message.created"])
            #expect(late.summaries == ["caught_up"])
        }
    }

    @Test(arguments: [false, true])
    func `the entry that ends a message ends its text, also if nobody closes it`(isDeleted: Bool) async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe()
            let message = try await growth.open()
            try growth.write("a", at: 0, to: message)
            await reader.wait(for: "a", of: message)
            if isDeleted {
                try await growth.store.delete(message.reference.id, in: growth.chat)
            } else {
                try await growth.finish(message)
            }
            let end = isDeleted ? "message.deleted" : "message.updated"
            await reader.wait(for: end)
            try growth.write("b", at: 1, to: message)
            growth.hub.cancelRequested(message.reference)
            // A server that took it over before the end, and announces it after.
            growth.hub.opened(message)
            let late = OpenMessage.sample(message.reference.id, at: message.position, text: "a")
            growth.hub.opened(late)
            try growth.write("c", at: 1, to: late)
            try await reader.synchronize()
            #expect(reader.summaries == ["caught_up", "message.created", "0 a", end])
            #expect(growth.hub.openMessages.count == 0)
        }
    }

    /// As on a server that was told of the end by the log alone.
    @Test func `an end that is replayed ends the text as well`() async throws {
        try await withGrowth { growth in
            let ended = try await growth.open()
            let message = OpenMessage(try await growth.store.message(ended.reference.id, in: growth.chat))
            try await growth.finish(ended)
            let hub = EventHub(growth.store, eventLoops: growth.group)
            let other = Growth(growth.store, hub, growth.chat, growth.group)
            other.hub.opened(message)
            try other.write("a", at: 0, to: message)
            let reader = try await other.subscribe(after: 0)
            await reader.wait(for: "caught_up")
            try await reader.synchronize()
            #expect(reader.summaries == ["message.created", "message.updated", "caught_up"])
            #expect(other.hub.openMessages.count == 0)
            try await other.end()
        }
    }

    @Test func `subscribers on all event loops share an event`() async throws {
        try await withGrowth { growth in
            let readers = [
                try await growth.subscribe(on: 0), try await growth.subscribe(on: 0), try await growth.subscribe(on: 1),
            ]
            let message = try await growth.open("a")
            for text in ["a", "ab", "abc"] {
                if text.count > 1 { try growth.write(String(text.suffix(1)), at: text.count - 1, to: message) }
                for reader in readers { await reader.wait(for: text, of: message) }
            }
            let pieces = readers.map { $0.pieces(of: message).map(ObjectIdentifier.init) }
            #expect(pieces[0].count == 3)
            #expect(pieces == [pieces[0], pieces[0], pieces[0]])
        }
    }

    @Test func `a subscription that has ended gets nothing more`() async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe()
            let leaver = try await growth.subscribe()
            let message = try await growth.open()
            try growth.write("a", at: 0, to: message)
            await leaver.wait(for: "a", of: message)
            try await leaver.end()
            try growth.write("b", at: 1, to: message)
            await reader.wait(for: "ab", of: message)
            try await leaver.synchronize()
            #expect(leaver.summaries == ["caught_up", "message.created", "0 a"])
        }
    }

    @Test func `the writer is told to stop`() async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe()
            let message = try await growth.open()
            await reader.wait(for: "message.created")
            growth.hub.cancelRequested(message.reference)
            await reader.wait(for: "message.cancel_requested")
            let event = try #require(reader.events.last)
            #expect(event.place == nil)
            #expect(
                String(decoding: event.json, as: UTF8.self)
                    == #"{"type":"message.cancel_requested","chat_id":1,"message_id":1}"#
            )
        }
    }

    @Test func `a thousand messages that grow at once leave nothing behind`() async throws {
        try await withGrowth { growth in
            let reader = try await growth.subscribe(on: 0)
            let other = try await growth.subscribe(on: 1)
            weak var weakMessage: OpenMessage?
            do {
                let messages = (1...1_000).map { OpenMessage.sample(MessageID(rawValue: $0), at: 0) }
                weakMessage = messages[500]
                try await withThrowingTaskGroup { group in
                    for message in messages {
                        group.addTask {
                            growth.hub.opened(message)
                            for offset in 0..<5 {
                                try growth.write("x", at: offset, to: message)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(growth.hub.openMessages.count == 1_000)
                for message in messages {
                    await reader.wait(for: "xxxxx", of: message)
                    await other.wait(for: "xxxxx", of: message)
                }
                for message in messages {
                    growth.hub.closed(message.reference)
                }
            }
            #expect(growth.hub.openMessages.count == 0)
            // The timers and the topics let go of it.
            while weakMessage != nil {
                try await reader.synchronize()
                try await other.synchronize()
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `every subscriber arrives at the writer's text`(seed: UInt64) async throws {
        var random = SplitMix64(state: seed)
        try await withGrowth { growth in
            var readers = [try await growth.subscribe(on: 0), try await growth.subscribe(on: 1)]
            let messages = [try await growth.open(), try await growth.open("Hello")]
            for step in 0..<150 {
                let message = messages[.random(in: 0..<2, using: &random)]
                switch Int.random(in: 0..<12, using: &random) {
                case 0...5:
                    try growth.write("\(step), ", at: message.length, to: message)
                case 6:
                    let kept = message.text.prefix(.random(in: 0...message.length, using: &random))
                    message.replace(with: kept + "ü")
                    growth.hub.grew(message)
                case 7 where readers.count < 6:
                    let position = Position(rawValue: .random(in: 0...2, using: &random))
                    readers.append(try await growth.subscribe(after: position, on: step % 2))
                case 8:
                    _ = try await growth.store.postMessage(MessageText("entry"), to: growth.chat)
                case 9:
                    // Lets time pass.
                    for reader in readers { try await reader.synchronize() }
                default:
                    try await readers[.random(in: 0..<readers.count, using: &random)].toggleWritable()
                }
            }
            for message in messages {
                try growth.write("the end", at: message.length, to: message)
            }
            for reader in readers {
                try await reader.setWritable(true)
                for message in messages {
                    await reader.wait(for: message.text, of: message)
                }
            }
            for message in messages {
                try await growth.finish(message)
            }
            for reader in readers {
                await reader.wait(for: "message.updated", count: 2)
            }
            #expect(growth.hub.openMessages.count == 0)
        }
    }
}
