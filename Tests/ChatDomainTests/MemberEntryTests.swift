import ChatDomain
import ChatTestSupport
import Testing

struct MemberEntryTests {
    private func record(_ kind: LogEntry.Kind, _ payload: String?) -> LogRecord {
        let instant = Instant(microsecondsSinceEpoch: 0)
        return LogRecord(
            chatID: 1,
            position: 1,
            kind: kind,
            instant: instant,
            payload: payload.flatMap { Metadata(json: $0) }
        )
    }

    @Test func `an entry is read from the record that it makes`() throws {
        let users: [UserID] = ["ada", #"quote"and\slash"#, #"\"#, #"""#, "],", #"\","role":"owner"#]
        let entries: [MemberEntry] = [
            .joined(users, as: .member), .updated(["ada"], to: .owner), .left(users), .joined(["ada"], as: .reader),
        ]
        for entry in entries {
            let record = LogRecord(entry, in: 1, at: 1, by: nil, Instant(microsecondsSinceEpoch: 0))
            #expect(record.kind == entry.kind)
            #expect(MemberEntry(record) == entry)
        }
        #expect(entries[1].payload?.json == #"{"users":["ada"],"role":"owner"}"#)
        #expect(MemberEntry.left(["ada", "bob"]).payload?.json == #"{"users":["ada","bob"]}"#)
    }

    @Test(arguments: [
        nil, "{}", #"{"users":["ada"]}"#, #"{"users":["ada"],"role":"admin"}"#, #"{"users":"ada","role":"member"}"#,
        #"{"users": ["ada"],"role":"member"}"#, #"{"users":["ada",1],"role":"member"}"#,
        #"{"users":["a da"],"role":"member"}"#, #"{"users":["\u0061"],"role":"member"}"#,
        #"{"role":"member","users":["ada"]}"#, #"{"users":["ada"],"role":"member","a":1}"#,
    ])
    func `any other payload is none of an entry`(_ payload: String?) {
        #expect(MemberEntry(record(.memberJoined, payload)) == nil)
    }

    @Test func `a payload belongs to the kind of its record`() {
        let (joined, left) = (#"{"users":["ada"],"role":"member"}"#, #"{"users":["ada"]}"#)
        #expect(MemberEntry(record(.memberUpdated, joined)) == .updated(["ada"], to: .member))
        #expect(MemberEntry(record(.memberUpdated, left)) == nil)
        #expect(MemberEntry(record(.memberLeft, joined)) == nil)
        #expect(MemberEntry(record(.chatUpdated, joined)) == nil)
    }

    @Test func `a list has 1 to 100 different users whose ids fit an entry`() throws {
        #expect(MemberIDs([]) == nil)
        #expect(MemberIDs(["bob", "ada", "bob"])?.ids == ["bob", "ada"])
        let users = try (0..<101).map { number in
            let digits = "\(number)"
            return try #require(UserID(String(repeating: "x", count: UserID.maximumLength - digits.count) + digits))
        }
        #expect(MemberIDs(users) == nil)
        let largest = try #require(MemberIDs(Array(users.prefix(100))))
        #expect(MemberEntry.joined(largest.ids, as: .moderator).payload != nil)
        let quotes = try (0..<100).map { try #require(UserID(String(repeating: "\"", count: 100) + "\($0)")) }
        #expect(MemberIDs(quotes) == nil)
        let some = try #require(MemberIDs(Array(quotes.prefix(70))))
        #expect(MemberEntry.joined(some.ids, as: .moderator).payload != nil)
    }
}
