import ChatDomain
import ChatLive
import ChatOperations
import ChatTestSupport
import Testing

/// When moves of read markers are stored.
@Suite(.timeLimit(.minutes(5)))
struct ReadMarkersTests {
    /// Passes a chat of Ada's, Bob's and Eve's with twenty entries.
    private func withChat(_ body: (InterceptedStore, ChatID) async throws -> Void) async throws {
        try await StoreUnderTest.sqliteInMemory.withStoreAndSQL { base, database in
            let store = InterceptedStore(base)
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob", "eve"]))
            let chat = try await store.createChat(draft, by: .ungranted("ada")).value.id
            try await database.fill(chat.rawValue, messages: 18)
            try await body(store, chat)
        }
    }

    private func request(
        _ chat: ChatID,
        _ position: Position,
        back: Bool = false,
        by user: UserID = "bob"
    ) -> ReadMarkerRequest {
        ReadMarkerRequest(chat, upTo: position, movesBack: back, by: .ungranted(user))
    }

    private func marker(_ chat: ChatID, of user: UserID = "bob", in store: InterceptedStore) async throws -> Position? {
        try await store.membership(MemberReference(chatID: chat, userID: user))?.readPosition
    }

    /// Operations whose moves wait until something needs them.
    private func operations(on store: InterceptedStore) -> Operations<InterceptedStore> {
        Operations(
            store,
            hub: .init(store),
            typing: .init(),
            readMarkers: ReadMarkers(store, interval: .seconds(3_600))
        )
    }

    @Test func `the first move is stored, and those that follow wait together`() async throws {
        try await withChat { store, chat async throws in
            let markers = ReadMarkers(store, interval: .seconds(3_600))
            #expect(try await markers.move(request(chat, 5)) == nil)
            #expect(try await marker(chat, in: store) == 5)
            for (position, waiting) in [(6, 6), (9, 9), (7, 9)] as [(Position, Position)] {
                #expect(try await markers.move(request(chat, position)) == waiting)
            }
            #expect(try await marker(chat, in: store) == 5)
            #expect(try await markers.move(request(chat, 4, by: "eve")) == nil)
            #expect(try await marker(chat, of: "eve", in: store) == 4)
            #expect(try await markers.move(request(chat, 8, by: "eve")) == 8)
            await markers.flush(of: "bob")
            #expect(try await marker(chat, in: store) == 9)
            #expect(try await marker(chat, of: "eve", in: store) == 4)
            await markers.flush()
            #expect(try await marker(chat, of: "eve", in: store) == 8)
            // After a flush, moves wait again.
            #expect(try await markers.move(request(chat, 12)) == 12)
            #expect(try await marker(chat, in: store) == 9)
        }
    }

    @Test func `a move back is stored at once and replaces what waits`() async throws {
        try await withChat { store, chat async throws in
            let markers = ReadMarkers(store, interval: .seconds(3_600))
            #expect(try await markers.move(request(chat, 5)) == nil)
            #expect(try await markers.move(request(chat, 9)) == 9)
            #expect(try await markers.move(request(chat, 3, back: true)) == nil)
            #expect(try await marker(chat, in: store) == 3)
            await markers.flush()
            #expect(try await marker(chat, in: store) == 3)
            #expect(try await markers.move(request(chat, 6)) == 6)
            await markers.flush()
            #expect(try await marker(chat, in: store) == 6)
        }
    }

    @Test func `a move that waits is stored when the interval is over`() async throws {
        try await withChat { store, chat async throws in
            let markers = ReadMarkers(store, interval: .milliseconds(20))
            for round in 0..<3 {
                var position: Position = Position(rawValue: Int64(4 + round * 4))
                while try await markers.move(request(chat, position)) == nil, position.rawValue < 20 {
                    position = Position(rawValue: position.rawValue + 1)
                }
                while try #require(await marker(chat, in: store)) < position { await Task.yield() }
            }
        }
    }

    @Test func `a move that the store refuses is an error and does not wait`() async throws {
        try await withChat { store, chat async throws in
            let markers = ReadMarkers(store, interval: .seconds(3_600))
            await #expect(throws: StoreError.chatNotFound) { try await markers.move(request(chat, 5, by: "stranger")) }
            await #expect(throws: StoreError.forbidden) {
                try await markers.move(ReadMarkerRequest(chat, upTo: 5, by: .anonymous))
            }
            await markers.flush()
        }
    }

    @Test func `a move waits on while the store is unavailable`() async throws {
        let failing = ReadMarkers(
            InterceptedStore(failingWith: .unavailable(reason: "down")),
            interval: .seconds(3_600)
        )
        await #expect(throws: StoreError.unavailable(reason: "down")) { try await failing.move(request(1, 5)) }
        #expect(try await failing.move(request(1, 6)) == 6)
        await failing.flush()
        // The lower one joins what still waits.
        #expect(try await failing.move(request(1, 5)) == 6)
    }

    /// Holds back Bob's moves to a position, and fails those that are told to fail.
    private struct HeldMoves: Sendable {
        private let position: Position
        private let arrivals = Recorder<Void>()
        private let outcomes = Recorder<StoreError?>()

        init(to position: Position) {
            self.position = position
        }

        func intercept(_ call: InterceptedStore.Call) async throws(StoreError) {
            guard case .moveReadMarker(let request) = call, request.position == position,
                request.member?.userID == "bob"
            else { return }
            arrivals.append(())
            if let error = await outcomes.next() ?? nil { throw error }
        }

        func waitForOne() async {
            _ = await arrivals.next()
        }

        func end(with error: StoreError? = nil) {
            outcomes.append(error)
        }
    }

    @Test func `a move whose write fails is not stored after a move back that followed it`() async throws {
        try await withChat { base, chat async throws in
            let held = HeldMoves(to: 9)
            let store = InterceptedStore(base, held.intercept)
            let markers = ReadMarkers(store, interval: .seconds(3_600))
            #expect(try await markers.move(request(chat, 5)) == nil)
            #expect(try await markers.move(request(chat, 9)) == 9)
            async let flushed: Void = markers.flush()
            await held.waitForOne()
            #expect(try await markers.move(request(chat, 4)) == 4)
            let back = Task { try await markers.move(request(chat, 3, back: true)) }
            // The move back has replaced the move that waited.
            while try await markers.move(request(chat, 2)) != 2 { await Task.yield() }
            held.end(with: .unavailable(reason: "down"))
            held.end()
            await flushed
            #expect(try await back.value == nil)
            await markers.flush()
            #expect(try await marker(chat, in: store) == 3)
        }
    }

    @Test(arguments: [StoreError.unavailable(reason: "down"), .outcomeUnknown(reason: "cut")])
    func `a move waits on if the interval ends during a write that fails`(_ error: StoreError) async throws {
        try await withChat { base, chat async throws in
            let held = HeldMoves(to: 9)
            let store = InterceptedStore(base, held.intercept)
            let intervals = Recorder<Void>()
            let markers = ReadMarkers(store) { _ in _ = await intervals.next() }
            #expect(try await markers.move(request(chat, 5)) == nil)
            #expect(try await markers.move(request(chat, 9)) == 9)
            async let flushed: Void = markers.flush()
            await held.waitForOne()
            intervals.append(())
            for _ in 0..<1_000 { await Task.yield() }
            #expect(try await markers.move(request(chat, 8)) == 8)
            held.end(with: error)
            await flushed
            #expect(try await markers.move(request(chat, 7)) == 9)
            held.end()
            intervals.append(())
            while try await marker(chat, in: store) != 9 { await Task.yield() }
        }
    }

    @Test func `a list and the count of unread chats show moves that wait`() async throws {
        try await withChat { store, chat async throws in
            let operations = operations(on: store)
            let bob = Caller.ungranted("bob")
            for (position, unread) in [(5, 15), (12, 8), (20, 0)] as [(Position, Int)] {
                let state = try await operations.markAsRead(bob, in: chat, upTo: position, movesBack: false)
                #expect(state == ReadState(role: .member, readPosition: position, unread: UnreadCount(found: unread)))
            }
            #expect(try await marker(chat, in: store) == 5)
            #expect(try await operations.countUnreadChats(bob) == 0)
            _ = try await operations.markAsRead(bob, in: chat, upTo: 7, movesBack: true)
            _ = try await operations.markAsRead(bob, in: chat, upTo: 8, movesBack: false)
            let state = ReadState(role: .member, readPosition: 8, unread: UnreadCount(found: 12))
            #expect(try await operations.listChats(bob, ChatListQuery(limit: 9)).readStates == [chat: state])
            await #expect(throws: StoreError.forbidden) { try await operations.countUnreadChats(.anonymous) }
        }
    }

    @Test func `receipts show moves that wait`() async throws {
        try await withChat { store, chat async throws in
            let operations = operations(on: store)
            func list() async throws -> [Position] {
                let page = try await operations.listMembers(.ungranted("eve"), of: chat, after: nil, limit: 9)
                return page.members.map(\.readPosition)
            }
            for position in [5, 12] as [Position] {
                _ = try await operations.markAsRead(.ungranted("bob"), in: chat, upTo: position, movesBack: false)
            }
            // Without receipts, nobody sees the markers, and the move keeps waiting.
            #expect(try await list() == [1, 5, 2])
            _ = try await store.updateChat(chat, ChatEdit(receipts: true), by: .ungranted("ada"))
            #expect(try await list() == [1, 12, 2])
        }
    }

    @Test func `a move that waits does not mark what is posted in the meantime`() async throws {
        try await withChat { store, chat async throws in
            let markers = ReadMarkers(store, interval: .seconds(3_600))
            let operations = Operations(store, hub: .init(store), typing: .init(), readMarkers: markers)
            let bob = Caller.ungranted("bob")
            for (position, expected) in [(5, 5), (9_000, 20)] as [(Position, Position)] {
                let state = try await operations.markAsRead(bob, in: chat, upTo: position, movesBack: false)
                #expect(state.readPosition == expected)
            }
            _ = try await store.postMessage(MessageText("later"), to: chat)
            await markers.flush()
            #expect(try await marker(chat, in: store) == 20)
        }
    }
}
