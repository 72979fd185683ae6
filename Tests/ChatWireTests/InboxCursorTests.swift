import ChatDomain
import ChatTestSupport
import ChatWire
import Testing

struct InboxCursorTests {
    private let epoch = Epoch(rawValue: 0x7F3C_9A01)

    @Test func `every cursor survives its token`() {
        let marks = [InboxMark.start, InboxMark(floor: 7, top: 7), InboxMark(floor: 7, top: .max)]
        let last = InboxIndex.Change(chatID: 3, activity: 5)
        for mark in marks {
            for pass in [nil] + marks.map({ InboxCursor.Pass(next: $0, last: last) }) {
                // A pass does not need to know what may have been seen before it.
                let known = pass == nil ? mark : InboxMark(floor: mark.floor, top: mark.floor)
                let cursor = InboxCursor(epoch: epoch, mark: known, pass: pass)
                #expect(InboxCursor(cursor.text) == cursor)
                for chats in [nil, StreamCursor([(4, 2)], in: epoch)] {
                    let stream = InboxStreamCursor(inbox: cursor, chats: chats)
                    #expect(InboxStreamCursor(stream.text) == stream)
                }
            }
        }
        #expect(InboxCursor(epoch: epoch, mark: InboxMark(floor: 184_467, top: 184_467)).text == "7f3c9a01.184467")
    }

    @Test(arguments: [
        "", "7f3c9a01", "7f3c9a01.", "7f3c9a01.1-", "7f3c9a01.1-2-3-4", "7f3c9a01.1-3-2-4-5", "x.1", "7f3c9a01.+1",
        "7f3c9a01.01",
    ])
    func `other text is no cursor`(_ text: String) {
        #expect(InboxCursor(text) == nil)
        #expect(InboxStreamCursor(text) == nil)
        #expect(InboxStreamCursor("7f3c9a01.1~\(text)") == nil)
    }

    @Test func `positions of another epoch do not belong to an inbox`() {
        let chats = StreamCursor([(4, 2)], in: Epoch(rawValue: 1))
        #expect(InboxStreamCursor("7f3c9a01.1~\(chats.token)") == nil)
    }
}
