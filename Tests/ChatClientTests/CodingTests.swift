import ChatClient
import Foundation
import Testing

struct CodingTests {
    private func roundTrip<Value: Codable>(_ type: Value.Type, _ json: String) throws -> Bool {
        let value: Value = try Samples.decode(json)
        let again = try JSONCoding.decoder.decode(JSONValue.self, from: JSONCoding.encoder.encode(value))
        return try again == Samples.decode(json)
    }

    private let chat = #"""
        {"id":7,"title":"Team","created_at":"2026-11-24T09:00:00.123456Z","last_seq":9,"last_message_at":null,
        "message_count":3,"visibility":"secret","metadata":{"snake_case":[1,2.5,true,null,"x"]}}
        """#

    @Test func `entries keep what the server sent`() throws {
        let message = #"""
            {"type":"message.updated","seq":9,"author":"ada","at":"2026-11-24T09:00:01.000001Z","message":{"id":1,
            "chat_id":7,"seq":8,"author":"ada","text":"Hi","created_at":"2026-11-24T09:00:01.999999Z","revision":2,
            "edited_at":"2026-11-24T09:00:02.000000Z","reply_to":4,"metadata":{"a":{}},"idempotency_key":"k"}}
            """#
        #expect(try roundTrip(ChatEvent.self, message))
        let members = #"""
            {"type":"member.joined","seq":1,"at":"2026-11-24T09:00:01.000000Z","users":["a"],"role":"guru",
            "chat":{"id":7,"title":"T","created_at":"2026-11-24T09:00:00.000000Z","last_seq":9,"message_count":3,
            "visibility":"open"}}
            """#
        #expect(try roundTrip(LogEntry.self, members))
    }

    @Test func `open messages keep what the server sent`() throws {
        let open = #"""
            {"type":"message.created","seq":9,"at":"2026-11-24T09:00:01.000001Z","message":{"id":1,"chat_id":7,"seq":9,
            "text":"Hi","created_at":"2026-11-24T09:00:01.999999Z","revision":1,"state":"open","length":2}}
            """#
        let failed = open.replacing(#""state":"open","length":2"#, with: #""state":"failed","reason":"abandoned""#)
        let piece = #"{"type":"message.appended","message_id":1,"at":2,"text":"!","status":"Shouting"}"#
        for json in [open, failed, piece, #"{"type":"message.cancel_requested","message_id":1}"#] {
            #expect(try roundTrip(ChatEvent.self, json))
        }
    }

    @Test func `an open message is truncated to a piece and then grows by it`() throws {
        guard case .entry(let entry) = try Samples.entry(1, state: .open), var message = entry.message else {
            Issue.record("not a message")
            return
        }
        for (piece, text) in [
            (Samples.piece(of: 1, 3, "p 😀", status: "Laughing"), "Help 😀"),
            (Samples.piece(of: 1, 3, "p 😀", status: "Laughing"), "Help 😀"),
            (Samples.piece(of: 1, 6, "!"), "Help 😀!"),
            (Samples.piece(of: 1, 9, "?"), "Help 😀!"),
            (Samples.piece(of: 2, 0, "?"), "Help 😀!"),
            (Samples.piece(of: 1, -1, "?"), "Help 😀!"),
            (Samples.piece(of: 1, 0, ""), ""),
        ] {
            message.grow(by: piece)
            #expect(message.text == text && message.length == text.unicodeScalars.count)
            #expect(message.status == piece.status)
        }
        guard case .entry(let ended) = try Samples.entry(1, state: .done), var done = ended.message else { return }
        done.grow(by: Samples.piece(of: 1, 0, ""))
        #expect(done == ended.message)
    }

    @Test func `chats keep visibilities and metadata that are unknown`() throws {
        let info: ChatInfo = try Samples.decode(chat)
        #expect(info.visibility.rawValue == "secret")
        #expect(info.metadata?["snake_case"] == [1, 2.5, true, .null, "x"])
    }

    @Test func `unknown kinds are kept`() throws {
        let entry = #"{"type":"poll.closed","seq":4,"chat_id":7,"at":"2026-11-24T09:00:01.000000Z","votes":{"a":2}}"#
        #expect(try roundTrip(ChatEvent.self, entry))
        let event: ChatEvent = try Samples.decode(entry)
        guard case .entry(let unknown) = event, case .unknown("poll.closed", let json) = unknown.change else {
            Issue.record("not an unknown entry: \(event)")
            return
        }
        #expect(unknown.seq == 4)
        #expect(json["votes"]?["a"] == 2)

        let notice: ChatEvent = try Samples.decode(#"{"type":"call.ringing","chat_id":7}"#)
        #expect(notice == .unknown(type: "call.ringing", ["type": "call.ringing", "chat_id": 7]))
        let line: InboxEvent = try Samples.decode(#"{"type":"draft","text":"…"}"#)
        #expect(line == .unknown(type: "draft", ["type": "draft", "text": "…"]))
    }

    @Test func `positions are parsed and printed`() {
        #expect(Position("17") == Position(17))
        #expect(Position("7f3c9a01.17") == Position(17, epoch: "7f3c9a01"))
        #expect(Position(17, epoch: "7f3c9a01").description == "7f3c9a01.17")
        for text in ["", ".", "-1", "a.b", "a.1.2", "1e3"] { #expect(Position(text) == nil, "\(text)") }
    }

    @Test func `lines that end a stream say why`() throws {
        let unauthorized: StreamLine = try Samples.decode(#"{"type":"unauthorized","reason":"token_expired"}"#)
        let reconnect: StreamLine = try Samples.decode(#"{"type":"reconnect","delay_ms":1500}"#)
        guard case .end(let first) = unauthorized, case .end(let second) = reconnect else {
            Issue.record("not the end: \(unauthorized), \(reconnect)")
            return
        }
        #expect(first.status == 401 && first.code == "token_expired" && !first.isTemporary)
        #expect(second.retryAfter == 1.5 && second.isTemporary)
    }
}
