import ChatArchives
import ChatTestSupport
import ChatWire
import Testing

/// Metadata that every client's parser can read, and that stays the same when it is sent again.
@Suite(.timeLimit(.minutes(5)))
struct MetadataTests {
    static let unreadable: [(String, String)] = [
        (nested(32), "is nested more than 32 levels deep"),
        (#"{"a":\#(nested(32))}"#, "is nested more than 32 levels deep"),
        (#"{"a":1e400}"#, "has a number beyond the range of a double"),
        (#"{"a":[-1E+309]}"#, "has a number beyond the range of a double"),
        (#"{"a":1e-400}"#, "has a number beyond the range of a double"),
        (#"{"a":1\#(String(repeating: "0", count: 400))}"#, "has a number beyond the range of a double"),
        (#"{"a":"\ud800"}"#, "has half of a surrogate pair"),
        (#"{"a":["x\udc00\ud800"]}"#, "has half of a surrogate pair"),
        (#"{"\ud800":1}"#, "has half of a surrogate pair"),
        (#"{"a":{"b\udfff":1}}"#, "has half of a surrogate pair"),
        (#"{"a":1,"a":2}"#, "has the name 'a' more than once in an object"),
        (#"{"b":[{"a":1,"\u0061":1}]}"#, "has the name 'a' more than once in an object"),
    ]

    /// At or near a limit.
    static let readable = [
        nested(31), #"{"a":1.7976931348623157e308}"#, #"{"a":5e-324}"#, #"{"a":0e-999}"#, #"{"a":0.0E99999}"#,
        #"{"a":18446744073709551616}"#, #"{"a":"\ud83d\ude00"}"#, #"{"é":1,"e\u0301":2}"#, #"{"a":{"a":{"a":1}}}"#,
        "{}",
        #"{"a":"\u0000"}"#, #"{"a":0.\#(String(repeating: "3", count: 9_000))}"#,
    ]

    /// An object whose one member is nested this deep.
    private static func nested(_ depth: Int) -> String {
        #"{"a":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
    }

    @Test(arguments: unreadable)
    func `metadata that other parsers cannot read is rejected`(_ metadata: String, _ reason: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats()
            try await client.post("a")
            for (method, path) in [
                ("POST", "/chats"), ("PATCH", "/chats/1"), ("POST", "/chats/1/messages"),
                ("PATCH", "/chats/1/messages/1"), ("POST", "/chats/1/typing"),
            ] {
                let body = #"{"title":"a","text":"b","metadata":\#(metadata)}"#
                let response = try await client.send(method, path, body: body)
                #expect(response.status == 422, "\(method) \(path)")
                let issue = try response.json["detail"]?[0]
                #expect(issue?["loc"] == ["body", "metadata"])
                #expect(issue?["msg"] == .string("Value error, the metadata \(reason)"))
                // The input is returned as a string, which every parser can read.
                #expect(issue?["input"] == .string(metadata))
            }
            try await client.withConnection { inbound, outbound in
                var socket = try await WebSocketClient(inbound, outbound)
                _ = try await socket.nextFrame()
                for operation in [#""op":"send","text":"a""#, #""op":"typing""#] {
                    try await socket.send(.text(#"{\#(operation),"chat_id":1,"metadata":\#(metadata)}"#))
                    let frame = try #require(try await socket.nextFrame())
                    let answer = try JSON(parsing: frame.dropFirst("text ".count).utf8)
                    #expect(answer["code"] == "validation_failed")
                    #expect(answer["detail"]?[0]?["msg"] == .string("Value error, the metadata \(reason)"))
                }
            }
            #expect(throws: ArchiveError("'metadata' \(reason)")) {
                try ArchiveLine(
                    parsing: Array(
                        #"""
                        {"type":"chat","id":1,"title":"a","created_at":"2026-11-23T09:00:00.000000Z","last_seq":0,\#
                        "last_message_at":null,"message_count":0,"last_entry_at":"2026-11-23T09:00:00.000000Z",\#
                        "metadata":\#(metadata)}
                        """#.utf8
                    )
                )
            }
        }
    }

    @Test(arguments: readable)
    func `metadata that other parsers can read is returned as it was sent`(_ metadata: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let created = try await client.send("POST", "/chats", body: #"{"title":"a","metadata":\#(metadata)}"#)
            #expect(created.status == 201)
            #expect(created.text.hasSuffix(#""metadata":\#(metadata)}"#))
        }
    }

    @Test(arguments: [#"{"\ud800":1}"#, #"{"a":1e400}"#, #"{"a":1,"a":2}"#])
    func `the parts of an invalid request that are returned can be parsed`(_ body: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let missing = try await client.send("POST", "/chats", body: body)
            #expect(try missing.json["detail"]?[0]?["input"] == .string(body))
            let noText = try await client.send("POST", "/chats", body: #"{"title":\#(body)}"#)
            #expect(try noText.json["detail"]?[0]?["input"] == .string(body))
            try await client.withConnection { inbound, outbound in
                var socket = try await WebSocketClient(inbound, outbound)
                _ = try await socket.nextFrame()
                try await socket.send(.text(#"{"op":"ping","ref":\#(body)}"#))
                let frame = try #require(try await socket.nextFrame())
                let answer = try JSON(parsing: frame.dropFirst("text ".count).utf8)
                #expect(answer["ref"] == .null)
                #expect(answer["detail"]?[0]?["loc"] == ["body", "ref"])
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases, ["/chats", "/chats/1/messages"])
    func `metadata may be written differently in a retry`(_ store: StoreUnderTest, path: String) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            func send(_ metadata: String) async throws -> HTTPTestResponse {
                let body = #"{"title":"a","text":"b","metadata":\#(metadata)}"#
                return try await client.send("POST", path, headers: ["Idempotency-Key": "k"], body: body)
            }
            let first = try await send(#"{"b":{"y":[1,2],"x":"é"},"a":1.50,"":null}"#)
            #expect(first.status == 201)
            for same in [
                #"{"a":1.50,"b":{"x":"é","y":[1,2]},"":null}"#,
                #"{"":null,"a":15e-1,"b":{"y":[1.0,0.2E1],"x":"\u00e9"}}"#,
            ] {
                let again = try await send(same)
                #expect(again.status == 200)
                #expect(again.text == first.text)
            }
            for other in [
                #"{"b":{"y":[2,1],"x":"é"},"a":1.50,"":null}"#, #"{"b":{"y":[1,2],"x":"é"},"a":1.51,"":null}"#,
                #"{"b":{"y":[1,2],"x":"e\u0301"},"a":1.50,"":null}"#, #"{"b":{"y":[1,2],"x":"é"},"a":1.50}"#,
                #"{"b":{"y":[1,2],"x":"é"},"a":"1.50","":null}"#, #"{"b":{"y":[1,2],"x":"é"},"a":-1.50,"":null}"#,
            ] {
                #expect(try await send(other).json["code"] == "idempotency_key_reused")
            }
        }
    }

    @Test(arguments: [
        ("0", "0"), ("-0.00e7", "0"), ("1", "1e0"), ("100", "1e2"), ("1.50", "15e-1"), ("0.0015e3", "15e-1"),
        ("-12E-1", "-12e-1"), ("9007199254740993", "9007199254740993e0"), ("1e+2", "1e2"), ("10e00001", "1e2"),
    ])
    func `numbers have one canonical form`(_ number: String, _ canonical: String) throws {
        #expect(try JSONValue(parsing: Array(number.utf8)).canonical == canonical)
    }
}
