import ChatClient
import Foundation

/// Values as the server sends them.
enum Samples {
    static func entry(_ seq: Int, key: String? = nil) throws -> ChatEvent {
        try decode(entryJSON(seq, key: key))
    }

    static func page(_ seqs: ClosedRange<Int>, lastSeq: Int, epoch: String = "aaaaaaaa") throws -> LogPage {
        let entries = seqs.map { entryJSON($0, key: nil) }.joined(separator: ",")
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

    private static func entryJSON(_ seq: Int, key: String?) -> String {
        let key = key.map { #","idempotency_key":"\#($0)""# } ?? ""
        return #"{"type":"message.created","seq":\#(seq),"chat_id":7,"at":"2026-11-24T09:00:01.000000Z","#
            + #""message":{"id":\#(seq),"chat_id":7,"seq":\#(seq),"text":"Hello!","#
            + #""created_at":"2026-11-24T09:00:01.000000Z","revision":1\#(key)}}"#
    }
}

extension ChatEvent {
    /// The position of an entry.
    var seq: Int? {
        if case .entry(let entry) = self { entry.seq } else { nil }
    }
}
