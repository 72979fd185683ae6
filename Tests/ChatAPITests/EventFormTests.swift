import ChatAPI
import ChatDomain
import ChatLive
import ChatTestSupport
import NIOCore
import Testing

struct EventFormTests {
    private func framed(_ text: String) -> String {
        "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
    }

    @Test func `an event is one chunk`() {
        let json = #"{"text":"Прывітанне, 👋🏽 e\u0301"}"#
        let bytes = Array(json.utf8)
        let form = EventForm.serverSentEvents
        #expect(
            String(buffer: form.bytes(type: "message.created", id: "17", json: bytes))
                == framed("id: 17\nevent: message.created\ndata: \(json)\n\n")
        )
        #expect(
            String(buffer: form.bytes(type: "hello", id: nil, json: bytes, retry: 1_500))
                == framed("retry: 1500\nevent: hello\ndata: \(json)\n\n")
        )
        #expect(
            String(buffer: EventForm.serverSentEventsWithoutID.bytes(type: "typing", id: "17", json: bytes))
                == framed("event: typing\ndata: \(json)\n\n")
        )
        #expect(
            String(buffer: EventForm.jsonLines.bytes(type: "typing", id: "17", json: bytes, retry: 1))
                == framed(json + "\n")
        )
        #expect(String(buffer: form.heartbeat) == "3\r\n:\n\n\r\n")
        #expect(String(buffer: EventForm.jsonLines.heartbeat) == "1\r\n\n\r\n")
    }

    @Test(arguments: ["a\nb", "a\r\nb", "a\u{2028}b", "\u{0}", "\"\\", "data: x\n\nevent: y", "👩‍👩‍👧‍👦"])
    func `text cannot break the framing of an event`(_ text: String) throws {
        let event = LiveEvent.sample(3, text: text)
        // Splits bytes, not characters: to Swift, "\r\n" is a single character.
        let lines = EventForm.serverSentEvents.bytes(of: event).readableBytesView
            .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        #expect(lines.count == 7)
        #expect(lines[1] == "id: 0000002a.3")
        #expect(lines[2] == "event: message.created")
        #expect(lines[3].hasPrefix(#"data: {"seq":3,"type":"message.created","chat_id":1,"#))
        #expect(!lines[3].contains("\r"))
        #expect(EventForm.serverSentEvents.bytes(of: event) == EventForm.serverSentEvents.bytes(of: event))
    }

    @Test func `a typing event has no position`() {
        let typing = Typing(
            chatID: 7,
            instant: Instant(microsecondsSinceEpoch: 0),
            metadata: Metadata(json: #"{"user":"Аня"}"#)
        )
        let event = LiveEvent(typing)
        #expect(event.position == nil)
        let json = #"{"type":"typing","chat_id":7,"at":"1970-01-01T00:00:00.000000Z","metadata":{"user":"Аня"}}"#
        #expect(
            String(buffer: EventForm.serverSentEvents.bytes(of: event)) == framed("event: typing\ndata: \(json)\n\n")
        )
        let byAda = LiveEvent(
            Typing(chatID: 7, author: "ada", instant: Instant(microsecondsSinceEpoch: 0), metadata: nil)
        )
        #expect(
            String(decoding: byAda.json, as: UTF8.self)
                == #"{"type":"typing","chat_id":7,"author":"ada","at":"1970-01-01T00:00:00.000000Z"}"#
        )
    }
}
