import ChatDomain
import ChatLive
import ChatOperations
import ChatTestSupport
import Synchronization
import Testing

/// What the readers of one server see of a message that another server holds.
@Suite(.timeLimit(.minutes(5)))
struct SharedMessagesTests {
    @Test(arguments: ServerLink.allCases)
    func `readers of every server see a message grow`(_ link: ServerLink) async throws {
        try await link.withServers { holder, other, chat in
            let reader = try await other.subscribe(to: chat)
            let message = try await holder.open("Hel", in: chat)
            try await holder.append("lo", at: 3, to: message)
            await reader.wait(for: "Hello", of: message.id)
            try await holder.append(", you", at: 5, status: "Greeting", to: message)
            await reader.wait(for: "Hello, you", of: message.id)
            #expect(reader.events.last?.json.contains("\"status\":\"Greeting\"") == true)
            #expect(try await holder.stored(message) == "Hel")
            #expect(try await other.read(message) == "Hello, you")

            try await holder.finish(message)
            await reader.wait(for: "message.updated")
            #expect(other.hub.openMessages.count == 0 && holder.hub.openMessages.count == 0)
        }
    }

    @Test(arguments: ServerLink.allCases)
    func `a reader that arrives late sees what the readers of the holder see`(_ link: ServerLink) async throws {
        try await link.withServers { holder, other, chat in
            let message = try await holder.open(in: chat)
            try await holder.append("Hello", at: 0, status: "Greeting", to: message)
            let reader = try await other.subscribe(to: chat)
            await reader.wait(for: "Hello", of: message.id)
            try await holder.append(", you", at: 5, status: "Greeting again", to: message)
            await reader.wait(for: "Hello, you", of: message.id)
            // A second reader needs nothing from the holder.
            let second = try await other.subscribe(to: chat)
            await second.wait(for: "Hello, you", of: message.id)
        }
    }

    @Test(arguments: ServerLink.allCases)
    func `a message that somebody reads is copied for a while`(_ link: ServerLink) async throws {
        try await link.withServers { holder, other, chat in
            let message = try await holder.open(in: chat)
            try await holder.append("Hello", at: 0, to: message)
            while try await other.read(message) != "Hello" { await Task.yield() }
            #expect(other.hub.openMessages.count == 1)
            try await holder.append(", you", at: 5, to: message)
            while try await other.read(message) != "Hello, you" { await Task.yield() }
            await other.advance(by: .seconds(29))
            #expect(other.hub.openMessages.count == 1)
            await other.advance(by: .seconds(2))
            #expect(other.hub.openMessages.count == 0)
        }
    }

    @Test func `a server without readers keeps nothing`() async throws {
        try await ServerLink.direct.withServers { holder, other, chat in
            let reader = try await holder.subscribe(to: chat)
            let message = try await holder.open(in: chat)
            try await holder.append("Hello", at: 0, to: message)
            await reader.wait(for: "Hello", of: message.id)
            #expect(other.hub.openMessages.count == 0)

            let late = try await other.subscribe(to: chat)
            await late.wait(for: "Hello", of: message.id)
            #expect(other.hub.openMessages.count == 1)
            try await other.disconnectReaders()
            await other.advance(by: .seconds(1))
            #expect(other.hub.openMessages.count == 0)
        }
    }

    @Test func `lost pieces are read from the store`() async throws {
        let isCut = Mutex(false)
        try await ServerLink.direct.withServers(where: { _ in !isCut.withLock(\.self) }) { holder, other, chat in
            let reader = try await other.subscribe(to: chat)
            let message = try await holder.open(in: chat)
            try await holder.append("Hello", at: 0, to: message)
            await reader.wait(for: "Hello", of: message.id)

            isCut.withLock { $0 = true }
            let local = try await holder.subscribe(to: chat)
            try await holder.append(", you", at: 5, to: message)
            await local.wait(for: "Hello, you", of: message.id)
            // The interval in which it was sent ends with the next piece.
            while try await other.read(message) != "Hello" { await Task.yield() }
            try await Task.sleep(for: .milliseconds(100))
            isCut.withLock { $0 = false }
            try await holder.append("!", at: 10, to: message)
            await reader.wait(for: "Hello, you!", of: message.id)

            // Nothing is heard of the next piece, but that something may be missing.
            isCut.withLock { $0 = true }
            try await holder.append(" Bye", at: 11, to: message)
            await local.wait(for: "Hello, you! Bye", of: message.id)
            try await Task.sleep(for: .milliseconds(100))
            isCut.withLock { $0 = false }
            other.store.signals.receive(.missed)
            await reader.wait(for: "Hello, you! Bye", of: message.id)
        }
    }

    @Test func `a long piece is stored and announced by its length`() async throws {
        try await ServerLink.postgresql.withServers { holder, other, chat in
            let reader = try await other.subscribe(to: chat)
            let message = try await holder.open("x", in: chat)
            let long = String(repeating: "é\n", count: 10_000)
            try await holder.append(long, at: 1, to: message)
            await reader.wait(for: "x" + long, of: message.id)
            #expect(try await holder.stored(message) == "x" + long)
            try await holder.append("!", at: 20_001, to: message)
            await reader.wait(for: "x" + long + "!", of: message.id)
            #expect(try await holder.stored(message) == "x" + long)
        }
    }

    @Test(arguments: ServerLink.allCases)
    func `a request to stop reaches the writer and the readers of every server`(_ link: ServerLink) async throws {
        try await link.withServers { holder, other, chat in
            let readers = [try await holder.subscribe(to: chat), try await other.subscribe(to: chat)]
            let message = try await holder.open(in: chat)
            try await holder.append("Hello", at: 0, to: message)
            for reader in readers { await reader.wait(for: "Hello", of: message.id) }
            try await other.cancel(message)
            for reader in readers { await reader.wait(for: "message.cancel_requested") }
            #expect(try await holder.append("!", at: 5, to: message).isCancelRequested)
            await holder.advance(by: .seconds(5))
            for reader in readers { await reader.wait(for: "message.updated") }
            #expect(readers.allSatisfy { $0.summaries.count { $0 == "message.cancel_requested" } == 1 })
        }
    }

    @Test(arguments: ServerLink.allCases)
    func `readers follow a writer that moves back and forth`(_ link: ServerLink) async throws {
        try await link.withServers { one, other, chat in
            let earlier = try await one.open(in: chat)
            try await one.append("Hi", at: 0, to: earlier)
            let readers = [try await one.subscribe(to: chat), try await other.subscribe(to: chat)]
            // Then the servers have looked for the chat's open messages, and want none stored later.
            for reader in readers { await reader.wait(for: "Hi", of: earlier.id) }
            func expect(_ text: String) async {
                for reader in readers { await reader.wait(for: text, of: message.id) }
            }
            let message = try await one.open("Hello", in: chat)
            try await one.append(" world", at: 5, to: message)
            await expect("Hello world")
            // The first server passes on what it has not stored.
            #expect(try await other.append(", you", at: 11, to: message).length == 16)
            await expect("Hello world, you")
            #expect(try await one.read(message) == "Hello world, you")
            #expect(try await one.append("!", at: 16, to: message).length == 17)
            await expect("Hello world, you!")
            await #expect(throws: AppendRejection.offsetMismatch(length: 17)) {
                try await other.append("?", at: 18, to: message)
            }
            try await one.finish(message)
            for reader in readers { await reader.wait(for: "message.updated") }
            #expect(one.hub.openMessages.count == 1 && other.hub.openMessages.count == 1)
        }
    }

    @Test(arguments: ServerLink.allCases)
    func `appends that alternate between servers lose nothing`(_ link: ServerLink) async throws {
        try await link.withServers { one, other, chat in
            let reader = try await one.subscribe(to: chat)
            let message = try await one.open(in: chat)
            let piece = String(repeating: "é\n", count: 100)
            for number in 0..<40 {
                let server = number % 2 == 0 ? one : other
                #expect(try await server.append(piece, at: 200 * number, to: message).length == 200 * (number + 1))
                await server.advance(by: .milliseconds(100))
            }
            // Although no server held it for two seconds.
            #expect(try await one.stored(message).unicodeScalars.count > 4_000)
            try await other.finish(message)
            await reader.wait(for: "message.updated")
            #expect(try await one.read(message) == String(repeating: piece, count: 40))
            let lengths = reader.lengths(of: message.id)
            #expect(lengths == lengths.sorted(), "the reader's text was never shortened")
        }
    }

    @Test func `a holder that learns from the store that it was replaced passes its text on, too`() async throws {
        try await ServerLink.direct.withServers { one, other, chat in
            let message = try await one.open("Hello", in: chat)
            try await one.append(" world", at: 5, to: message)
            let reference = BatchPlan.MessageReference(chatID: chat, id: message.id)
            _ = try await one.store.changeStream(StreamRequest(.hold, of: reference, by: SharedServer.ada))
            await one.advance(by: .seconds(2))
            #expect(try await other.append("!", at: 11, to: message).length == 12)
            #expect(try await other.read(message) == "Hello world!")
        }
    }

    @Test func `what a killed holder has not stored is lost, and the writer learns of it`() async throws {
        let isCut = Mutex(false)
        try await ServerLink.direct.withServers(where: { _ in !isCut.withLock(\.self) }) { one, other, chat in
            let reader = try await other.subscribe(to: chat)
            let message = try await one.open("Hello", in: chat)
            try await one.append(" world", at: 5, to: message)
            await reader.wait(for: "Hello world", of: message.id)
            isCut.withLock { $0 = true }
            await #expect(throws: AppendRejection.offsetMismatch(length: 5)) {
                try await other.append("!", at: 11, to: message)
            }
            await reader.wait(for: "Hello", of: message.id)
            try await other.append(", you", at: 5, to: message)
            await reader.wait(for: "Hello, you", of: message.id)
        }
    }

    @Test(arguments: StoreUnderTest.allCases, ["Hello", ""])
    func `after a restart, readers get the text that is stored`(_ kind: StoreUnderTest, _ text: String) async throws {
        try await kind.withStore { store in
            let killed = SharedServer(store)
            let chat = try await store.createChat(ChatDraft(title: ChatTitle("chat")), by: SharedServer.ada).value.id
            let message = try await killed.open(text, in: chat)
            try await killed.append(", you", at: text.count, to: message)
            let restarted = SharedServer(store)
            let reader = try await restarted.subscribe(to: chat)
            await reader.wait(for: text, of: message.id)
            try await restarted.append("!", at: text.count, to: message)
            await reader.wait(for: text + "!", of: message.id)
            try await restarted.disconnectReaders()
        }
    }

    @Test func `what an earlier holder says is ignored`() async throws {
        try await ServerLink.direct.withServers { one, other, chat in
            let reader = try await one.subscribe(to: chat)
            let message = try await one.open("Hello", in: chat)
            try await other.append(", you", at: 5, to: message)
            await reader.wait(for: "Hello, you", of: message.id)
            let reference = BatchPlan.MessageReference(chatID: chat, id: message.id)
            let old = TextPiece(offset: 10, text: " and old", status: nil)
            for server in [one, other] {
                server.growth.receive(GrowthNotice(reference, .grew(old, epoch: 0)))
                server.growth.receive(GrowthNotice(reference, .stored(length: 18, epoch: 0)))
                #expect(try await server.read(message) == "Hello, you")
            }
            try await other.append("!", at: 10, to: message)
            await reader.wait(for: "Hello, you!", of: message.id)
        }
    }

    @Test func `a copy whose holder is gone is dropped`() async throws {
        let isCut = Mutex(false)
        try await ServerLink.direct.withServers(where: { _ in !isCut.withLock(\.self) }) { holder, other, chat in
            let reader = try await other.subscribe(to: chat)
            let message = try await holder.open(ttl: 5, in: chat)
            try await holder.append("Hello", at: 0, to: message)
            await reader.wait(for: "Hello", of: message.id)
            isCut.withLock { $0 = true }
            await other.advance(by: .seconds(4))
            #expect(other.hub.openMessages.count == 1)
            await other.advance(by: .seconds(1))
            #expect(other.hub.openMessages.count == 0)
            // If the holder was only out of reach, its next piece brings the copy back.
            isCut.withLock { $0 = false }
            try await holder.append(", you", at: 5, to: message)
            await reader.wait(for: "Hello, you", of: message.id)
        }
    }

    @Test(arguments: ServerLink.allCases)
    func `nothing is left of the messages of a deleted chat`(_ link: ServerLink) async throws {
        try await link.withServers { holder, other, chat in
            let reader = try await other.subscribe(to: chat)
            let message = try await holder.open(in: chat)
            try await holder.append("Hello", at: 0, to: message)
            await reader.wait(for: "Hello", of: message.id)
            try await holder.store.deleteChat(chat, by: SharedServer.ada)
            while holder.hub.openMessages.count > 0 || other.hub.openMessages.count > 0 { await Task.yield() }
            // Nothing reads the store any more.
            await reader.wait(for: "chat.deleted")
        }
    }
}

/// Random writers and losses.
extension SharedMessagesTests {
    @Test(arguments: ServerLink.allCases, 0..<8 as Range<UInt64>)
    func `readers of every server end with the same text`(_ link: ServerLink, _ seed: UInt64) async throws {
        let random = Mutex(SplitMix64(state: seed))
        let isLossy = Mutex(seed % 2 == 0)
        let passes = { @Sendable (_: GrowthNotice) in
            !isLossy.withLock(\.self) || random.withLock { Int.random(in: 0..<4, using: &$0) } > 0
        }
        try await link.withServers(where: passes) { one, other, chat in
            let servers = [one, other]
            func number(_ range: ClosedRange<Int>) -> Int { random.withLock { .random(in: range, using: &$0) } }
            func pick<Element>(_ elements: [Element]) -> Element { elements[number(0...elements.count - 1)] }

            var readers = [try await one.subscribe(to: chat)]
            let message = try await pick(servers).open(in: chat)
            var text: [Unicode.Scalar] = []
            var server = one
            for step in 0..<60 {
                if step == 20 { readers.append(try await other.subscribe(to: chat)) }
                if step % 10 == number(0...9) { server = pick(servers) }
                let length = pick([1, 3, 10, 40, 2_000])
                let words = (0..<length).map { _ in pick(["a", "\n", "é", "\\", "👋🏽", "\t", "\u{301}"]) }
                text += words.joined().unicodeScalars
                text = Array(text.prefix(StreamedText.maximumLength))
                // The writer's rule: it continues where the server says.
                var offset = text.count
                while true {
                    var piece = String.UnicodeScalarView()
                    piece.append(contentsOf: text[offset...])
                    do {
                        try await server.append(String(piece), at: offset, to: message)
                        break
                    } catch AppendRejection.offsetMismatch(let length) {
                        offset = length
                    }
                }
                if number(0...9) == 0 { await server.advance(by: .seconds(number(1...11))) }
                if number(0...3) == 0 { try await Task.sleep(for: .milliseconds(number(1...60))) }
            }
            isLossy.withLock { $0 = false }
            for server in servers { server.store.signals.receive(.missed) }
            var whole = String.UnicodeScalarView()
            whole.append(contentsOf: text)
            for reader in readers { await reader.wait(for: String(whole), of: message.id) }
            try await server.finish(message)
            for reader in readers { await reader.wait(for: "message.updated") }
            for server in servers {
                #expect(server.hub.openMessages.count == 0)
                #expect(try await server.read(message) == String(whole))
            }
        }
    }
}

extension [UInt8] {
    fileprivate func contains(_ text: String) -> Bool {
        String(decoding: self, as: UTF8.self).contains(text)
    }
}
