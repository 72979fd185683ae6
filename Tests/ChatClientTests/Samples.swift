import ChatClient
import Foundation

/// Values as the server sends them.
enum Samples {
    static func entry(
        _ seq: Int,
        id: Int? = nil,
        key: String? = nil,
        state: Message.State? = nil
    ) throws -> ChatEvent {
        try decode(entryJSON(seq, id: id, key: key, state: state))
    }

    static func page(
        _ seqs: ClosedRange<Int>,
        lastSeq: Int,
        epoch: String = "aaaaaaaa",
        state: Message.State? = nil
    ) throws -> LogPage {
        let entries = seqs.map { entryJSON($0, state: state) }.joined(separator: ",")
        return try decode(#"{"entries":[\#(entries)],"last_seq":\#(lastSeq),"epoch":"\#(epoch)"}"#)
    }

    static func inboxChat(_ id: Int, lastSeq: Int) throws -> InboxEvent {
        let chat =
            #"{"id":\#(id),"title":"Team","created_at":"2026-11-24T09:00:00.000000Z","last_seq":\#(lastSeq),"#
            + #""last_message_at":null,"message_count":1,"visibility":"private"}"#
        return try decode(
            #"{"type":"chat","chat_id":\#(id),"last_seq":\#(lastSeq),"chat":\#(chat),"role":"member","#
                + #""read_seq":1,"unread":0}"#
        )
    }

    static func hello(_ epoch: String, _ ends: [Int: Int]) throws -> StreamLine {
        let chats = ends.map { #"{"chat_id":\#($0),"last_seq":\#($1)}"# }.joined(separator: ",")
        return try decode(#"{"type":"hello","epoch":"\#(epoch)","chats":[\#(chats)],"heartbeat_seconds":15}"#)
    }

    static func decode<Value: Decodable>(_ json: String) throws -> Value {
        try JSONCoding.decoder.decode(Value.self, from: Data(json.utf8))
    }

    static func piece(of message: Int, _ at: Int, _ text: String, status: String? = nil) -> AppendedText {
        AppendedText(messageID: message, at: at, text: text, status: status)
    }

    private static func entryJSON(
        _ seq: Int,
        id: Int? = nil,
        key: String? = nil,
        state: Message.State? = nil
    ) -> String {
        let key = key.map { #","idempotency_key":"\#($0)""# } ?? ""
        let state = state.map { #","state":"\#($0.rawValue)""# } ?? ""
        return #"{"type":"message.created","seq":\#(seq),"chat_id":7,"at":"2026-11-24T09:00:01.000000Z","#
            + #""message":{"id":\#(id ?? seq),"chat_id":7,"seq":\#(seq),"text":"Hello!","#
            + #""created_at":"2026-11-24T09:00:01.000000Z","revision":1\#(key)\#(state)}}"#
    }
}

extension ChatEvent {
    /// The position of an entry.
    var seq: Int? {
        if case .entry(let entry) = self { entry.seq } else { nil }
    }
}
