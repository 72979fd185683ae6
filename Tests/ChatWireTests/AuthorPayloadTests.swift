import ChatDomain
import ChatTestSupport
import ChatWire
import Testing

@Suite struct AuthorPayloadTests {
    private func message(by author: UserID?, isDeleted: Bool = false) -> Message {
        Message(
            id: 3,
            chatID: 2,
            position: 1,
            author: author,
            text: isDeleted ? "" : "hi",
            createdAt: Instant(microsecondsSinceEpoch: 0),
            deletedAt: isDeleted ? Instant(microsecondsSinceEpoch: 1) : nil
        )
    }

    private func json(_ value: some JSONWritable) -> String {
        var writer = JSONWriter()
        writer.value(value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func `a message has an author only if there is one`() {
        let content = #""text":"hi","created_at":"1970-01-01T00:00:00.000000Z","revision":1}"#
        #expect(json(message(by: "ada")) == #"{"id":3,"chat_id":2,"seq":1,"author":"ada","# + content)
        #expect(json(message(by: nil)) == #"{"id":3,"chat_id":2,"seq":1,"# + content)
        #expect(json(message(by: #"a"\b"#)).contains(#","author":"a\"\\b","#))
    }

    @Test func `a tombstone keeps its author`() {
        #expect(
            json(message(by: "ada", isDeleted: true)) == """
                {"id":3,"chat_id":2,"seq":1,"author":"ada","created_at":"1970-01-01T00:00:00.000000Z",\
                "deleted_at":"1970-01-01T00:00:00.000001Z","text":""}
                """
        )
    }

    @Test func `a log entry has an author only if there is one`() {
        for (author, member) in [("bob", #""author":"bob","#), (nil, "")] as [(UserID?, String)] {
            let entry = LogEntry(
                position: 5,
                kind: .messageUpdated,
                author: author,
                instant: Instant(microsecondsSinceEpoch: 2),
                subject: .message(message(by: "ada"))
            )
            let rest = member + #""at":"1970-01-01T00:00:00.000002Z","message":"# + json(message(by: "ada")) + "}"
            var writer = JSONWriter()
            entry.write(to: &writer)
            #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"seq":5,"type":"message.updated","# + rest)
            writer.removeAll()
            entry.write(to: &writer, chatID: 2)
            #expect(
                String(decoding: writer.bytes, as: UTF8.self)
                    == #"{"seq":5,"type":"message.updated","chat_id":2,"# + rest
            )
        }
    }
}
